// Proves a relay's login by a real session, with the trust that Postfix will use.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/net/smtp_client.hpp"
#include "vault-sync/relay/relay.hpp"

namespace mailcore::vault_sync {

struct Proof {
    enum class Kind {
        Works,          // logged in; or, without a login, the session and its TLS are fine
        Refused,        // 5xx to AUTH
        Inconclusive,   // 4xx, network, TLS: nothing is known of the login
    };
    Kind kind = Kind::Inconclusive;
    std::string words;   // one line for people: "535 5.7.8 Authentication credentials invalid"
    int auth_commands = 0;
    bool message_refused = false;   // the login is fine, the test message was not taken
};

struct VerifyLimits {
    int attempts = 3;                            // AUTH commands for this value in this run
    std::chrono::milliseconds window{60'000};    // how long a 535 to a new SES key is tried again: new keys take a while
};

// `sleep` waits between tries of a new SES key; returns false when the program is to stop.
using Sleep = std::function<bool(std::chrono::milliseconds)>;
Proof prove(Relay const& relay, VerifyLimits const& limits, bool is_new, Sleep const& sleep,
            std::optional<net::SmtpMessage> const& message = std::nullopt);

}   // namespace mailcore::vault_sync
