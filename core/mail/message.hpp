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
    // The values of the claim headers as decoded_header_value() makes them, in their order. Empty ones are left out,
    // and so is what was there before: more than one value means that the claims differ. At most kMaxClaims.
    std::vector<std::string> tenant_claims;
    std::vector<std::string> ticket_claims;
    std::string subject;       // decoded (RFC 2047), unfolded; the first one
    std::string references;    // unfolded; all References fields joined by a space, up to kMaxValue
    std::string in_reply_to;   // likewise
    std::string message_id;    // the first, unfolded and trimmed, as the sender wrote it; "" if none
    bool has_subject = false;      // a first Subject was seen, if only an empty one
    bool has_message_id = false;   // likewise

    // One header field: name without colon, value as received (folds as LF or CRLF and a blank). Fields count towards
    // the message whatever their case, and "X-Foo " is X-Foo. Values are cut at kMaxValue bytes; but a From so long is
    // malformed.
    void add_header(std::string_view name, std::string_view value, HeaderNames const& names);
    void clear();   // keeps memory

    static constexpr std::size_t kMaxValue = 65'536;
    static constexpr std::size_t kMaxClaims = 8;
};

// "X-Foo \t" is "X-Foo": RFC 5322 4.5.8 lets blanks stand before the colon, and programs take them off.
std::string_view header_name(std::string_view written);

// Unfolded (RFC 5322 2.2.3), RFC 2047 words decoded, trimmed. What was encoded may hold any byte, line ends included.
std::string decoded_header_value(std::string_view value);
std::string unfolded(std::string_view value);

}   // namespace mailcore::mail
