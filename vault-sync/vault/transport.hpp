// One call of Vault's API: headers, repeats, the one redirect, and what an answer's status means. Knows no token's
// life.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.hpp"
#include "core/net/http_client.hpp"
#include "vault-sync/config/settings.hpp"
#include "vault-sync/vault/client.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace mailcore::vault_sync {

inline tl::unexpected<VaultError> fail(VaultFailure kind, std::string message)
{
    return base::fail_with(VaultError{kind, std::move(message)});
}

enum class Repeat {
    Always,      // as the official client does
    IfUnheard,   // only where the server cannot have acted: a wrapping token is spent by its first use
    Never,
};

struct ApiCall {
    std::string method = "GET";
    std::string path;                      // behind /v1/, as people write it: percent-encoded on the way
    base::Secret const* token = nullptr;   // none if null or empty
    base::Secret const* body = nullptr;
    Repeat repeat = Repeat::Always;
};

// An answer that Vault itself gave: 2xx, or a 4xx with its JSON.
struct ApiAnswer {
    int status = 0;
    std::optional<SecretJson> json;   // none where the body is empty
    std::string words;                // what its "errors" say: one line, without secrets

    bool ok() const { return status >= 200 && status < 300; }
    template <class... Keys>
    JsonNode at(Keys... keys) const
    {
        return json ? json->at(keys...) : JsonNode{};
    }
};

class Transport {
public:
    Transport(VaultSettings const& settings, VaultEnvironment const& environment, VaultSeams seams);
    static base::Result<> check_address(std::string const& address);
    bool is_exposed() const;   // http:// to another host: tokens and secrets can be read on the way

    VaultResult<ApiAnswer> call(ApiCall const& call);

    // A secret that must not show in the words of an answer; told to the redactor, too.
    void remember(base::Secret const& secret);
    void warn(std::string const& warning) const;
    base::Time now() const { return seams_.now(); }
    double random() const { return seams_.random ? seams_.random() : 0.5; }
    std::string const& address() const { return address_; }

private:
    struct Outcome;
    Outcome once(ApiCall const& call);
    Outcome follow(ApiCall const& call, net::HttpAnswer const& redirect);
    Outcome judge(ApiCall const& call, net::HttpAnswer answer);
    Outcome away(ApiCall const& call, net::HttpAnswer const& answer, ApiAnswer const& told) const;
    base::Result<net::HttpAnswer, net::HttpError> send(ApiCall const& call, std::string url);
    Outcome failed(ApiCall const& call, net::HttpError const& error) const;
    bool pause(int attempt, Outcome const& outcome) const;
    std::string words_of(SecretJson const& json) const;

    std::string address_;      // without a slash at its end
    std::string namespace_;
    std::chrono::milliseconds timeout_;
    int retries_;
    bool disable_redirects_;
    VaultEnvironment const* environment_;
    VaultSeams seams_;
    std::vector<base::Secret> known_;
};

}   // namespace mailcore::vault_sync
