// A relay from its settings and its secret: synonyms, presets, SES passwords, ports and TLS, and what is refused. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/relay/relay.hpp"

namespace mailcore::vault_sync {

struct MadeRelay {
    Relay relay;
    std::vector<std::string> warnings;   // one line each: "the stored password is an old one (before 2019) …"
};

// The error is one line for the operator: names the relay, the field and the cure, never a value that may be secret.
base::Result<MadeRelay> make_relay(RelaySettings const& settings, SecretRecord const& record);

}   // namespace mailcore::vault_sync
