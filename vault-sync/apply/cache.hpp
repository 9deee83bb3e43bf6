// The last values that went through, encrypted, for when Vault is away. One file, replaced whole: a JSON object whose
// records are sealed one by one, each bound to this host, Vault's address, its path, version and time, so that a record
// of another host or path, or an old one put back, is refused.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

// For a key that Vault's transit engine wraps: it lives in this process only.
struct Transit {
    std::function<base::Result<std::string>(base::Secret const& key)> wrap;
    std::function<base::Result<base::Secret>(std::string const& wrapped)> unwrap;
};

class Cache {
public:
    // Touches no file yet. `address` is Vault's.
    Cache(CacheSettings settings, std::string address, Transit transit = {});

    bool is_on() const { return !settings_.file.empty(); }

    // Nothing when there is none for this path. Fails, in words, on a missing key, a record that is too old, was tampered
    // with or is another host's.
    base::Result<std::optional<SecretRecord>> load(std::string const& path, base::Time now);

    // Replaces the records of these paths and keeps those of other paths that still open. Writes only when something
    // changed or a record is more than a day old.
    base::Result<> save(std::map<std::string, SecretRecord const*> const& records, base::Time now);

    // An unwrapped secret_id, beside the cache, for the next start: see "Logins" in the contract.
    std::optional<base::Secret> recall_secret_id(std::string const& token_hash);
    base::Result<> keep_secret_id(std::string const& token_hash, base::Secret const& secret_id);

private:
    base::Result<base::Secret const*> key();
    base::Result<base::Secret> read_key() const;

    CacheSettings settings_;
    std::string address_;
    Transit transit_;
    base::Secret key_;
    std::string wrapped_key_;   // transit: as it stands in the file
};

}   // namespace mailcore::vault_sync
