// HTTP as vault-sync and the webhook need it: one request, one answer of bounded size, one deadline for all of it, no
// redirect followed, no proxy but the one named, no cookie, nothing printed. With
// smtp_client.hpp the door to libcurl.
//
// Header values and bodies are Secrets: they may hold tokens. An object serves one thread; keeps its connection for
// GET, HEAD and LIST. All else goes over a new one, since libcurl would send it again where a kept one turns out to be
// dead.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::net {

struct HttpTls {
    std::string ca_file;         // PEM; the first of these three that is set counts; none: the system's store
    std::string ca_pem;          // the PEM itself
    std::string ca_directory;    // hashed
    std::string client_cert;     // PEM file; both or none
    std::string client_key;
    std::string client_cert_pem; // the PEM itself, instead: certificate and key
    std::string server_name;     // SNI and the name to verify, where the URL's host is not it
    bool verify = true;
};

struct HttpOptions {
    HttpTls tls;
    std::string proxy;                       // "" = none, whatever the environment says, unless:
    bool proxy_from_environment = true;      // HTTPS_PROXY, NO_PROXY as libcurl reads them, where `proxy` is empty
    std::string user_agent;
};

struct HttpHeader {
    std::string name;
    base::Secret value;
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;                          // https://, http:// or unix:///path/to/socket:/v1/…; no secret in it
    std::vector<HttpHeader> headers;
    std::optional<base::Secret> body;
    std::chrono::milliseconds timeout{60'000};
    std::size_t most_bytes = 1u << 20u;       // of the answer's body
    std::function<bool()> is_unwanted{};      // asked each second or more often; true ends the request, as Cut
};

struct HttpAnswer {
    int status = 0;
    std::map<std::string, std::string> headers;   // names in lower case; the last of several
    base::Secret body;
};

enum class HttpFailure {
    Url,        // cannot be asked at all: malformed, other scheme
    Connect,    // no name, refused, unreachable
    Tls,        // handshake or certificate
    Timeout,
    Cut,        // ended before the answer was whole
    TooLarge,
};

struct HttpError {
    HttpFailure kind = HttpFailure::Connect;
    std::string message;   // "HOST:PORT: libcurl's words"; no header, no body
};

class HttpClient {
public:
    static base::Result<HttpClient> open(HttpOptions options);   // reads the client certificate; fails if it cannot
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    base::Result<HttpAnswer, HttpError> send(HttpRequest const& request);

private:
    struct State;
    explicit HttpClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::net
