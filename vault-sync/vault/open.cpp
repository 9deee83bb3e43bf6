// A client over real sockets.
#include <memory>
#include <random>

#include "core/net/http_client.hpp"
#include "vault-sync/vault/client.hpp"

namespace mailcore::vault_sync {
namespace {

net::HttpOptions http_options(VaultSettings const& settings)
{
    net::HttpOptions options;
    options.tls.ca_file = settings.ca_cert;
    options.tls.ca_pem = settings.ca_pem;
    options.tls.ca_directory = settings.ca_path;
    options.tls.client_cert = settings.client_cert;
    options.tls.client_key = settings.client_key;
    // One text with both, as curl takes it.
    if (!settings.client_cert_pem.empty())
        options.tls.client_cert_pem = settings.client_cert_pem + "\n" + settings.client_key_pem;
    options.tls.server_name = settings.server_name;
    options.tls.verify = !settings.skip_verify;
    options.proxy = settings.proxy;
    options.user_agent = "mailcore-vault-sync/" MAILCORE_VERSION;
    return options;
}

std::function<double()> spread()
{
    return [engine = std::minstd_rand{std::random_device{}()}]() mutable {
        return std::uniform_real_distribution{0.0, 1.0}(engine);
    };
}

}   // namespace

base::Result<VaultClient> VaultClient::open(VaultSettings const& settings, VaultEnvironment environment)
{
    auto http = net::HttpClient::open(http_options(settings));
    if (!http) return base::fail(std::move(http.error()).within("vault"));
    auto const client = std::make_shared<net::HttpClient>(std::move(*http));
    VaultSeams seams;
    seams.send = [client](net::HttpRequest const& request) { return client->send(request); };
    seams.random = spread();
    return open(settings, std::move(environment), std::move(seams));
}

}   // namespace mailcore::vault_sync
