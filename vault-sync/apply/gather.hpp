// Each relay's value from its sources, in the contract's order: its own (Vault, file, environment), the cache, the
// environment; and what kept the better ones from serving.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/relay/relay.hpp"
#include "vault-sync/source/record.hpp"
#include "vault-sync/vault/client.hpp"

namespace mailcore::vault_sync {

// Where secrets come from, as calls, so that tests need no server.
struct SecretSources {
    std::function<VaultResult<SecretRecord>(std::string const& path, std::string const& mount)> vault;
    std::function<base::Result<std::optional<SecretRecord>>(std::string const& path)> file;    // nothing: not there
    std::function<base::Result<std::optional<SecretRecord>>(std::string const& path)> cache;   // nothing: not in it
    std::function<std::optional<SecretRecord>()> environment;                                  // nothing: SMTP_HOST is not set
    bool use_vault = true;                                                                     // SMTP_USE_VAULT
};

// Why a relay's own source did not serve.
enum class Trouble {
    None,
    Away,           // Vault is unreachable or sealed, or the agent's file is not there
    NoCredentials,  // nothing to log in to Vault with
    LoginRefused,   // Vault answered and refused the login
    NotTaken,       // missing, deleted, denied, malformed: Vault is there, the value is no good
};

struct Gathered {
    std::optional<Relay> relay;           // the value to go on with; none: keep what Postfix has
    std::optional<SecretRecord> record;   // what it was made of
    Trouble trouble = Trouble::None;
    bool is_served = false;               // in spite of trouble: by the cache or the environment
    std::string complaint;                // one line, "" without trouble
    std::vector<std::string> warnings;
};

using GatheredRelays = std::map<std::string, Gathered>;   // by name

// `former`: the relays of the generation in use. `active`: which one the environment stands for. `only`: of one relay.
GatheredRelays gather(Settings const& settings, std::string const& active, std::vector<Relay> const& former,
                      SecretSources const& sources, std::string const& only = "");

Relay const* find_relay(std::vector<Relay> const& relays, std::string_view name);   // null if it is not there

}   // namespace mailcore::vault_sync
