// Vault's (OpenBao's) HTTP API as vault-sync uses it: log in, keep the token alive, read KV 1 and 2, unwrap, transit.
// Behaves as the official client does: two kinds of retries, one redirect by hand (https only, never down to http), the
// three meanings of 404, 403 followed by one new login. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/net/http_client.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

enum class VaultFailure {
    Unreachable,   // no answer, or none that is Vault's: connection, TLS, timeout, HTML of a proxy, cut, too large
    Sealed,        // 503, 501; 429, 412, 5xx, "Upgrading…" after the retries
    NoCredentials, // nothing to log in with: a file that is missing, empty or open to others
    LoginRefused,  // Vault answered 400 or 403 to a login, or the token is dead and cannot be had anew
    Denied,        // 403 to a read with a living token: a policy
    NotFound,      // never written; no such mount or namespace
    Deleted,       // the newest version was deleted or destroyed
    Malformed,     // an answer that cannot be a secret
    Tampered,      // a wrapping token of another creation path, or one that somebody else has unwrapped: an alarm
};

struct VaultError {
    VaultFailure kind = VaultFailure::Unreachable;
    std::string message;   // with address and path; no token, no value
    // Whether the secret may well be there and only Vault is away: then the cache serves.
    bool is_absence() const { return kind == VaultFailure::Unreachable || kind == VaultFailure::Sealed; }
};

template <class T = void>
using VaultResult = base::Result<T, VaultError>;

// A place that keeps a secret_id for the next start: see "Logins" in the contract. It holds one, the last. `token_hash`
// is the wrapping token's, "" for one that was not wrapped; recall("") means whatever is kept: asked when the secret_id
// file is empty or was removed.
struct SecretIdKeeper {
    std::function<std::optional<base::Secret>(std::string const& token_hash)> recall;
    std::function<base::Result<>(std::string const& token_hash, base::Secret const& secret_id)> keep;
};

// What waits: between retries and logins. Returns false when the program is to stop.
using Wait = std::function<bool(std::chrono::milliseconds)>;

struct VaultEnvironment {
    SecretIdKeeper secret_ids;
    Wait wait;
    std::function<void(std::string const& warning)> warn;             // root token, never expiring, token_num_uses …
    std::function<void(base::Secret const&)> remember_secret;         // for the redactor: tokens, secret ids
};

// The outside world of a client; tests script it.
struct VaultSeams {
    std::function<base::Result<net::HttpAnswer, net::HttpError>(net::HttpRequest const&)> send;
    std::function<base::Time()> now = base::now;
    std::function<double()> random;   // 0 to 1; spreads waits
};

class VaultClient {
public:
    // `settings` with what VAULT_* and BAO_* fill in already taken over (see environment.hpp).
    static base::Result<VaultClient> open(VaultSettings const& settings, VaultEnvironment environment);
    static base::Result<VaultClient> open(VaultSettings const& settings, VaultEnvironment environment,
                                          VaultSeams seams);
    VaultClient(VaultClient&&) noexcept;
    VaultClient& operator=(VaultClient&&) noexcept;
    ~VaultClient();

    // Path as the operator wrote it, `secret/keybuzz/smtp` or `secret/data/keybuzz/smtp`; mount "" = found out. Logs in
    // where it has no living token. 403: one new login, then Denied, and no further login for this path until that
    // token would have ended.
    VaultResult<SecretRecord> read(std::string const& path, std::string const& mount);

    // Token life, for watch mode: call it at next_renewal(). Renews at two thirds of the lease, logs in anew when the
    // lease stops growing; failures are tried again later and later, up to five minutes apart.
    VaultResult<> keep_alive(base::Time now);
    std::optional<std::chrono::seconds> token_left(base::Time now) const;   // nothing: no token, or it never expires
    std::optional<base::Time> next_renewal() const;

    // For one-shot runs: revokes the token if this client took it by a login. A failure is a warning only.
    void revoke_own_token();

    VaultResult<std::string> encrypt(std::string const& key, base::Secret const& text, std::string_view bound);
    VaultResult<base::Secret> decrypt(std::string const& key, std::string const& ciphertext, std::string_view bound);

    std::string const& address() const;

private:
    struct State;
    explicit VaultClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::vault_sync
