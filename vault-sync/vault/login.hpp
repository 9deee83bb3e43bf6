// The logins: AppRole (also with a wrapped secret_id), Kubernetes, JWT and TLS certificate. Reads the files of the
// credentials at each login, since they change.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/vault/client.hpp"
#include "vault-sync/vault/transport.hpp"

namespace mailcore::vault_sync {

struct Granted {
    base::Secret token;
    std::chrono::seconds lease{0};   // 0: it never ends
    bool renewable = false;
    bool batch = false;              // can be neither renewed nor revoked
    std::int64_t uses = 0;           // 0: any number
};

// A file with one credential, trimmed. Strict: nobody but root or us may own it, and nobody else read it.
enum class Permissions { Strict, NotForAll, Any };
VaultResult<base::Secret> read_credential(std::string const& path, Permissions permissions);

class Login {
public:
    Login(AuthSettings auth, VaultEnvironment const& environment, Transport& transport);
    static base::Result<> check(VaultSettings const& settings);   // what the method needs is there

    // What was refused is not asked again with the same credentials for a while: one second, doubling to five minutes.
    VaultResult<Granted> log_in();

private:
    struct Request;
    VaultResult<Request> prepare();
    VaultResult<Request> approle();
    VaultResult<Request> token_of_a_file(std::string const& method, std::string const& usual_file);
    Request certificate() const;
    VaultResult<base::Secret> secret_id();
    VaultResult<base::Secret> kept_secret_id(VaultError why_none) const;
    VaultResult<base::Secret> unwrapped(base::Secret const& wrapping_token);
    VaultResult<> check_origin(base::Secret const& wrapping_token, std::string const& hash);
    VaultResult<base::Secret> unwrap(base::Secret const& wrapping_token, std::string const& hash);
    VaultError not_valid(std::string const& hash, std::string const& words) const;
    bool keep(std::string const& hash, base::Secret const& secret_id);
    void remove_file();
    VaultResult<Granted> granted(ApiAnswer const& answer);
    VaultError refused(Request request, ApiAnswer const& answer);

    AuthSettings auth_;
    VaultEnvironment const* environment_;
    Transport* transport_;

    base::Secret unwrapped_;          // by this process, with the hash of its wrapping token
    std::string unwrapped_hash_;
    std::string lost_hash_;           // of a token whose unwrapping got no answer: we may have spent it ourselves

    std::optional<VaultError> refusal_;
    base::Secret refused_body_;
    base::Time not_before_{};
    std::chrono::seconds backoff_{1};
};

}   // namespace mailcore::vault_sync
