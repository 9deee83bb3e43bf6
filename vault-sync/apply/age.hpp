// How old the logins in use are, and whether they should be rotated. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "vault-sync/apply/state.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

struct SecretAge {
    std::string relay;
    int days = 0;
    int limit_days = 0;      // rotation.smtp or .ses, or the secret's own rotation_days
    bool is_overdue = false;
    bool is_soon = false;    // within rotation.warn_before
};

// Of the relays of the configuration whose login is known. Counted from the value's first sight here, or from the
// secret's own rotated_at where that is earlier.
std::vector<SecretAge> ages(Settings const& settings, State const& state, base::Time now);
bool any_overdue(std::vector<SecretAge> const& ages);
std::string words(SecretAge const& age);   // "primary: the login is 200 days old; it should be rotated every 180"

}   // namespace mailcore::vault_sync
