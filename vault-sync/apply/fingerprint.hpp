// Fingerprints tell values apart without telling them: HMAC-SHA256 with a key that never leaves this host, so that a
// short password cannot be guessed from its fingerprint.
#pragma once

#include <string>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/maps/render.hpp"
#include "vault-sync/relay/relay.hpp"

namespace mailcore::vault_sync {

class Fingerprints {
public:
    // The key's file is made (root, 0600) where there is none.
    static base::Result<Fingerprints> open(std::string const& key_file);
    // The same without touching the disk: made up for this run. For commands that write nothing.
    static Fingerprints of_this_run();

    // All are 64 lower-case hex digits.
    std::string credential(Relay const& relay) const;       // user and password: whose age counts
    std::string value(Relay const& relay) const;            // host, port and login: what a provider refused, what is held
    std::string routing(Routing const& routing) const;
    std::string short_form(Relay const& relay) const;       // the first 8 digits of credential(), for people; "" = no login

private:
    explicit Fingerprints(base::Secret key) : key_{std::move(key)} {}
    base::Secret key_;
};

}   // namespace mailcore::vault_sync
