// A token's life: had by a login or given, renewed in time, had anew when it ends, revoked by who took it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "vault-sync/vault/client.hpp"
#include "vault-sync/vault/login.hpp"
#include "vault-sync/vault/transport.hpp"

namespace mailcore::vault_sync {

class Session {
public:
    Session(VaultSettings const& settings, VaultEnvironment const& environment, Transport& transport);

    base::Secret const* token() const { return &token_.value; }   // empty for an agent

    // Asks with a living token; when that is denied, once more with a new one. `what` names it for the memory of
    // denials.
    template <class Ask>
    auto with_token(std::string const& what, Ask ask) -> decltype(ask());

    VaultResult<> keep_alive(base::Time now);
    std::optional<std::chrono::seconds> token_left(base::Time now) const;
    std::optional<base::Time> next_renewal() const { return next_renewal_; }
    void revoke_own_token();

private:
    enum class After { AskAgain, GiveUp };

    bool by_login() const { return method_ != "token" && method_ != "none"; }
    bool holds_living(base::Time now) const;
    VaultResult<> ensure();
    VaultResult<After> after_denial(std::string const& what);
    VaultResult<After> after_denial_of_given(std::string const& what);
    VaultResult<> log_in(base::Time now);
    VaultResult<> load_given();
    VaultResult<> examine_given();
    void warn_of_given(JsonNode data) const;
    VaultResult<> renew(base::Time now);
    VaultResult<> take_renewal(JsonNode auth, base::Time now);
    VaultResult<> log_in_anew(base::Time now);
    VaultResult<> later(base::Time now, VaultError const& error);
    void adopt(Granted granted, base::Time now);
    void schedule(base::Time now);
    void remember_denial(std::string const& what);

    std::string method_;
    std::string token_file_;
    base::Secret given_;          // VAULT_TOKEN
    Transport* transport_;
    Login login_;

    struct Token {
        base::Secret value;
        std::chrono::seconds lease{0};
        std::optional<base::Time> ends;   // nothing: never, or not known
        bool renewable = false;
        bool batch = false;
    } token_;
    bool examined_ = false;       // a given token: its life is known, or cannot be
    bool fresh_ = false;          // had by a login within the present question
    std::optional<base::Time> next_renewal_;
    std::chrono::seconds grace_{0};
    std::chrono::seconds backoff_{1};
    std::map<std::string, base::Time> denied_;   // until when no further login is worth it
};

template <class Ask>
auto Session::with_token(std::string const& what, Ask ask) -> decltype(ask())
{
    fresh_ = false;
    if (auto const ready = ensure(); !ready) return base::fail_with(ready.error());
    auto answer = ask();
    if (answer) denied_.erase(what);
    if (answer || answer.error().kind != VaultFailure::Denied) return answer;
    auto const next = after_denial(what);
    if (!next) return base::fail_with(next.error());
    if (*next == After::GiveUp) return answer;
    answer = ask();
    if (!answer && answer.error().kind == VaultFailure::Denied) remember_denial(what);
    return answer;
}

}   // namespace mailcore::vault_sync
