// The signed stamp: proves tenant, ticket, envelope sender, queue id and Message-ID of a message that passed the gate.
//
//     v=1; k=KEYID; t=UNIX; q=QUEUEID; s=BASE64(HMAC-SHA256)
//
// over "1", key id, time, queue id, tenant, ticket, envelope sender and Message-ID, each followed by a newline.
#pragma once

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

// What is signed. Sender: the address with its domain in lower case, empty for null. Message-ID: as Message has it.
struct StampFields {
    std::string_view queue_id;
    std::string_view tenant;
    std::string_view ticket;
    std::string_view sender;
    std::string_view message_id;
};

// The value of the signature header. ASCII, about 120 bytes, no folding needed.
std::string sign_stamp(StampKeys const& keys, StampFields const& fields, base::Time now);

// Fails with words for a person: no key of that id, expired, altered. `fields.queue_id` is taken from the stamp itself.
base::Result<> verify_stamp(StampKeys const& keys, std::string_view header_value, StampFields fields, base::Time now,
                            std::chrono::seconds max_age);

}   // namespace mailcore::mail
