// The signed stamp: proves tenant, ticket, envelope sender, queue id and Message-ID of a message that passed the gate.
//
//     v=1; k=KEYID; t=UNIX; q=QUEUEID; s=BASE64(HMAC-SHA256)
//
// over "1", key id, time, queue id, tenant, ticket, envelope sender and Message-ID, each followed by a newline.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::mail {

struct StampKeys {
    std::string active;                                     // signs; all verify
    std::map<std::string, base::Secret, std::less<>> keys;  // key id to the raw key bytes (at least 16)
};

// What is signed. Sender: as stamp_sender() makes it. Message-ID: as Message has it.
struct StampFields {
    std::string_view queue_id;
    std::string_view tenant;
    std::string_view ticket;   // empty if none is known
    std::string_view sender;
    std::string_view message_id;
};

inline constexpr std::size_t kMinStampKey = 16;                       // bytes
inline constexpr std::chrono::seconds kStampClockSkew{300};           // a stamp so much ahead of our clock is accepted

// The envelope sender in the form that is signed: its domain in lower case (ASCII only, no IDN), "" for null.
std::string stamp_sender(std::string_view address);

// May `id` name a key or a queue id in a stamp? Letters, digits, ".", "_" and "-", at most 64.
bool is_stamp_token(std::string_view id);

// The value of the signature header. ASCII, about 120 bytes, no folding needed. Fails where the stamp would prove
// less than it says: a field with a line end or NUL (the signed text would be ambiguous), a tenant or ticket that is
// not printable ASCII, no tenant, no queue id, no usable key.
base::Result<std::string> sign_stamp(StampKeys const& keys, StampFields const& fields, base::Time now);

// Fails with words for a person: no key of that id, expired, altered. `fields.queue_id` is taken from the stamp itself.
// `header_value` may be folded as a relay left it.
base::Result<> verify_stamp(StampKeys const& keys, std::string_view header_value, StampFields fields, base::Time now,
                            std::chrono::seconds max_age);

}   // namespace mailcore::mail
