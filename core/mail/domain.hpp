// Domain names in the one form in which we compare them: lower case, A-labels (RFC 5890), no trailing dot.
#pragma once

#include <string>
#include <string_view>

namespace mailcore::mail {

// Writes the form of `name` to compare by to `out` (which keeps its memory: nothing is allocated for ASCII names).
// A name that IDNA 2008 refuses is kept as it is: it equals no pattern, since patterns hold valid names only.
void append_comparable_domain(std::string& out, std::string_view name);

// For patterns an operator writes: labels of 1 to 63 letters, digits, hyphens or underscores, at most 253 bytes.
bool is_valid_domain(std::string_view comparable);

}   // namespace mailcore::mail
