// What the rules need to know of a message's header, gathered field by field as the milter hands them over
// (RFC 5322). Keeps no body and no other fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/mail/header_from.hpp"

namespace mailcore::mail {

// Which header fields carry claims and stamps; from the configuration. Names compare without ASCII case.
struct HeaderNames {
    std::vector<std::string> tenant_claims;
    std::vector<std::string> ticket_claims;
    std::string stamp_tenant;
    std::string stamp_ticket;
    std::string stamp_signature;
};

struct Message {
    HeaderFrom from;
    // The values of the claim headers as decoded_header_value() makes them, empty ones left out.
    std::vector<std::string> tenant_claims;
    std::vector<std::string> ticket_claims;
    std::string subject;       // decoded (RFC 2047), unfolded; the first one
    std::string references;    // unfolded; all References fields joined by a space
    std::string in_reply_to;   // likewise
    std::string message_id;    // the first, unfolded and trimmed, as the sender wrote it; "" if none

    // One header field: name without colon and surrounding blanks, value as received (folds as LF or CRLF and a blank).
    // Fields count towards the message whatever their case. Values are cut at kMaxValue bytes.
    void add_header(std::string_view name, std::string_view value, HeaderNames const& names);
    void clear();

    static constexpr std::size_t kMaxValue = 65'536;

};

// Unfolded (RFC 5322 2.2.3), RFC 2047 words decoded, trimmed.
std::string decoded_header_value(std::string_view value);
std::string unfolded(std::string_view value);

}   // namespace mailcore::mail
