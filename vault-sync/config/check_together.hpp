// What no section of vault-sync.yaml can tell alone: names of relays, routes, relays that cannot live together.
#pragma once

#include "core/config/diagnostics.hpp"
#include "core/config/yaml.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

// Also puts the keys of routes and transports into the form in which Postfix compares them: lower case, A-labels.
void check_together(Settings& settings, config::Document const& document, config::Diagnostics& problems);

}   // namespace mailcore::vault_sync
