// The attributes of Postfix's policy delegation protocol, as they fill a Request.
// Shared by the policy daemon's parser and by `mailcorectl explain`.
//
//     request.clear();
//     mail::AttributeReader reader{request};
//     for (…each line…) if (reader.set(name, value) == mail::AttributeUse::Malformed) …;
//     reader.finish();
//
// Allocates nothing once the request's strings have grown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/mail/request.hpp"

namespace mailcore::mail {

enum class AttributeUse { Used, Ignored, Malformed };

class AttributeReader {
public:
    // The request must be clear.
    explicit AttributeReader(Request& request) : request_{request} {}

    // Sets what `name` says in the request. Unknown and unneeded names are Ignored (SMTPD_POLICY_README asks for that),
    // and so is a name that was there before: the first one counts. Malformed: a value that Postfix never sends, such
    // as an unknown protocol_state or a size that is no number. Values are taken as they are, blanks included.
    AttributeUse set(std::string_view name, std::string_view value);

    // The same for "name=value"; a line without "=" is Malformed. Quicker where lines come in Postfix's own order.
    AttributeUse set_line(std::string_view line);

    // To call behind the last attribute: their order does not matter, but what an empty sender means depends on the
    // stage. False if one is missing that Postfix always sends (request, protocol_state, from MAIL on sender); the
    // request is usable all the same.
    bool finish();

private:
    AttributeUse set_row(std::size_t row, std::string_view value);

    Request& request_;
    std::size_t next_ = 0;     // the row expected next
    std::uint32_t seen_ = 0;   // one bit an attribute
};

bool is_known_attribute(std::string_view name);   // any that Postfix 2.1 to 3.12 sends

}   // namespace mailcore::mail
