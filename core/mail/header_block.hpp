// The header of a message in a file, field by field (RFC 5322 2.2). For the tools; the milter gets fields from Postfix.
#pragma once

#include <functional>
#include <string_view>

namespace mailcore::mail {

// Calls visit(name, value) for each field up to the empty line. Lines may end in LF or CRLF; the value keeps its folds,
// without the last line's end. Lines that are no field, such as an mbox "From " line, are passed over.
// Returns where the body begins; its size with the header's is the message's.
std::size_t for_each_header(std::string_view message,
                            std::function<void(std::string_view name, std::string_view value)> const& visit);

}   // namespace mailcore::mail
