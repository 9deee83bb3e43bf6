#include "core/net/http_client.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/duration.hpp"
#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "core/crypto/key_pair.hpp"
#include "core/net/curl.hpp"

namespace mailcore::net {
namespace {

constexpr std::size_t kMostHeaderBytes = 64u << 10u;
constexpr auto kLargeHeaders = "the answer's headers are larger than 64KiB";

using Words = base::Result<std::string>;

tl::unexpected<HttpError> fail(HttpFailure kind, std::string message)
{
    return base::fail_with(HttpError{kind, std::move(message)});
}

// ---- The URL ----

std::string part_of(CurlUrl const& url, CURLUPart part, unsigned flags = 0)
{
    char* text = nullptr;
    if (::curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
    std::string copy{text};
    ::curl_free(text);
    return copy;
}

struct Target {
    CurlUrl url;
    std::string socket;   // of unix://
    std::string host, port;
    std::string host_header;   // where the URL was changed to name another
    std::string connect_to;

    std::string name() const { return socket.empty() ? host + ":" + port : socket; }
};

// unix:///path/to/socket:/v1/x becomes the socket and http://localhost/v1/x.
std::string take_socket(std::string const& url, std::string& socket)
{
    constexpr std::string_view scheme = "unix://";
    if (!url.starts_with(scheme)) return url;
    auto const end = std::min(url.find(':', scheme.size()), url.size());
    socket = url.substr(scheme.size(), end - scheme.size());
    auto const path = url.substr(std::min(end + 1, url.size()));
    return "http://localhost" + (path.starts_with('/') ? path : "/" + path);
}

// libcurl takes the name for SNI and verification from the URL, so the URL gets it; the connection goes where it went.
void rename_host(Target& target, std::string const& server_name)
{
    auto const explicit_port = part_of(target.url, CURLUPART_PORT);
    target.host_header = "Host: " + target.host + (explicit_port.empty() ? "" : ":" + explicit_port);
    target.connect_to = server_name + ":" + target.port + ":" + target.host + ":" + target.port;
    ::curl_url_set(target.url.get(), CURLUPART_HOST, server_name.c_str(), 0);
}

base::Result<Target, HttpError> parse_target(std::string const& url, std::string const& server_name)
{
    auto const refuse = [&](std::string const& why) {
        return fail(HttpFailure::Url, "\"" + base::printable(url) + "\" " + why);
    };
    Target target;
    auto const text = take_socket(url, target.socket);
    if (!std::all_of(text.begin(), text.end(), base::is_printable_ascii)) {
        return refuse("holds a character that no URL has");
    }
    if (url.starts_with("unix://") && !target.socket.starts_with('/')) {
        return refuse("names no absolute path of a socket");
    }
    target.url.reset(::curl_url());
    // As it is: "..", which libcurl would resolve, is the caller's business.
    auto const failure = ::curl_url_set(target.url.get(), CURLUPART_URL, text.c_str(), CURLU_PATH_AS_IS);
    auto const scheme = part_of(target.url, CURLUPART_SCHEME);
    if (failure == CURLUE_UNSUPPORTED_SCHEME || (failure == CURLUE_OK && scheme != "http" && scheme != "https")) {
        return refuse("is neither https:// nor http:// nor unix://");
    }
    if (failure != CURLUE_OK) return refuse(std::string{"is no URL: "} + ::curl_url_strerror(failure));
    if (!part_of(target.url, CURLUPART_USER).empty() || !part_of(target.url, CURLUPART_PASSWORD).empty()) {
        return fail(HttpFailure::Url, "the URL holds a login, which would be seen");
    }
    target.host = part_of(target.url, CURLUPART_HOST);
    target.port = part_of(target.url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (!server_name.empty() && scheme == "https") rename_host(target, server_name);
    return target;
}

// ---- The proxy ----

// "dom.test", ".dom.test" and "*" as libcurl reads them.
bool is_exempt(std::string const& list, std::string const& host)
{
    for (auto const entry : base::split(list, ',')) {
        auto name = base::trim(entry);
        if (name == "*") return true;
        while (name.starts_with('.')) name.remove_prefix(1);
        if (name.empty()) continue;
        auto const tail = host.size() >= name.size() ? host.substr(host.size() - name.size()) : "";
        bool const whole =
            host.size() == name.size() || (host.size() > name.size() && host[host.size() - name.size() - 1] == '.');
        if (base::equal_ignoring_case(tail, name) && whole) return true;
    }
    return false;
}

std::string environment(char const* name)
{
    char const* const value = std::getenv(name);   // NOLINT(concurrency-mt-unsafe): nobody sets it meanwhile
    return value == nullptr ? "" : value;
}

void set_proxy(CURL* curl, HttpOptions const& options, Target const& target)
{
    if (!options.proxy.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_PROXY, options.proxy.c_str());
        ::curl_easy_setopt(curl, CURLOPT_NOPROXY, "");   // named on purpose: NO_PROXY does not count
        return;
    }
    if (!options.proxy_from_environment || !target.socket.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_PROXY, "");
        return;
    }
    if (target.connect_to.empty()) return;
    // libcurl compares NO_PROXY with the URL's host, which is the server's name then, not the host that is asked.
    auto list = environment("no_proxy");
    if (list.empty()) list = environment("NO_PROXY");
    auto const bare = target.host.starts_with('[') ? target.host.substr(1, target.host.size() - 2) : target.host;
    if (is_exempt(list, bare)) ::curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

// ---- TLS ----

curl_blob blob_of(std::string const& text)
{
    return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};   // libcurl only reads it
}

void set_tls(CURL* curl, HttpTls const& tls)
{
    ::curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
    if (!tls.ca_file.empty() || !tls.ca_pem.empty() || !tls.ca_directory.empty()) {
        // The system's store comes preset, and would still be trusted beside ours.
        ::curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
        ::curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    if (!tls.ca_file.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_CAINFO, tls.ca_file.c_str());
    } else if (!tls.ca_pem.empty()) {
        auto blob = blob_of(tls.ca_pem);
        ::curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    } else if (!tls.ca_directory.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_CAPATH, tls.ca_directory.c_str());
    }
    if (!tls.client_cert_pem.empty()) {
        auto blob = blob_of(tls.client_cert_pem);
        ::curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &blob);
        ::curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &blob);
    } else if (!tls.client_cert.empty()) {
        ::curl_easy_setopt(curl, CURLOPT_SSLCERT, tls.client_cert.c_str());
        ::curl_easy_setopt(curl, CURLOPT_SSLKEY, tls.client_key.c_str());
    }
    ::curl_easy_setopt(curl, CURLOPT_KEYPASSWD, "");   // else OpenSSL asks for it on the terminal
}

Words read_file(std::string const& path)
{
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) return base::fail_errno("cannot read " + path);
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
        auto const got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0) return base::fail_errno("cannot read " + path);
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

void wipe(Words& text)
{
    if (text) base::Secret{std::move(*text)};
}

base::Result<> check_client_certificate(HttpTls const& tls)
{
    if (!tls.client_cert_pem.empty()) {
        auto const match = crypto::check_key_pair(tls.client_cert_pem, tls.client_cert_pem);
        return match ? match : base::fail("the client certificate cannot be used: " + match.error().message);
    }
    if (tls.client_cert.empty() && tls.client_key.empty()) return {};
    if (tls.client_cert.empty()) {
        return base::fail("there is a client key, " + tls.client_key + ", but no client certificate");
    }
    if (tls.client_key.empty()) {
        return base::fail("there is a client certificate, " + tls.client_cert + ", but no client key");
    }
    auto const certificate = read_file(tls.client_cert);
    if (!certificate) return base::fail(certificate.error());
    auto key = read_file(tls.client_key);
    if (!key) return base::fail(key.error());
    auto const match = crypto::check_key_pair(*certificate, *key);
    wipe(key);
    return match
               ? match
               : base::fail(tls.client_cert + " with " + tls.client_key + " cannot be used: " + match.error().message);
}

// ---- The request ----

bool may_stand_in_header(std::string_view text) { return text.find_first_of({"\r\n\0", 3}) == std::string_view::npos; }

bool is_token(std::string_view text)   // RFC 9110 5.6.2
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return base::is_alnum(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
    });
}

bool has_header(HttpRequest const& request, std::string_view name)
{
    return std::any_of(request.headers.begin(), request.headers.end(),
                       [&](auto const& header) { return base::equal_ignoring_case(header.name, name); });
}

CurlList header_list(HttpRequest const& request, Target const& target)
{
    CurlList list;
    for (auto const& header : request.headers) {
        base::Secret line{std::string_view{header.name}};
        line.append(header.value.empty() ? ";" : ": ");   // libcurl's way to say that the value is empty
        line.append(header.value.reveal());
        append(list, line.reveal().data());   // ends in NUL
    }
    if (!target.host_header.empty() && !has_header(request, "Host")) append(list, target.host_header.c_str());
    if (!has_header(request, "Content-Type")) append(list, "Content-Type:");   // libcurl would call it a form
    append(list, "Expect:");                                                    // and wait for a permission to send
    return list;
}

base::Result<void, HttpError> check(HttpRequest const& request)
{
    if (!is_token(request.method)) {
        return fail(HttpFailure::Url, "\"" + base::printable(request.method) + "\" is no HTTP method");
    }
    for (auto const& header : request.headers) {
        if (!is_token(header.name)) {
            return fail(HttpFailure::Url, "\"" + base::printable(header.name) + "\" is no header's name");
        }
        if (!may_stand_in_header(header.value.reveal())) {
            return fail(HttpFailure::Url, "the value of the header " + header.name + " holds a line break");
        }
    }
    return {};
}

bool is_reading(std::string const& method) { return method == "GET" || method == "HEAD" || method == "LIST"; }

void set_method(CURL* curl, HttpRequest const& request)
{
    if (request.method == "HEAD") {
        ::curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request.body || !is_reading(request.method)) {   // a POST of nothing says Content-Length: 0
        auto const body = request.body ? request.body->reveal() : std::string_view{};
        ::curl_easy_setopt(curl, CURLOPT_POST, 1L);
        ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());   // not copied
    }
    ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    ::curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, is_reading(request.method) ? 0L : 1L);
}

// ---- The answer ----

struct Arriving {
    HttpAnswer answer;
    std::size_t most_bytes = 0;
    std::size_t header_bytes = 0;
    std::string too_large;   // what is
};

// Nothing thrown may cross into C: libcurl takes any other count for a failure.
template <class Take>
std::size_t guarded(std::size_t size, Take&& take) noexcept
{
    try {
        return take() ? size : size + 1;
    } catch (...) {
        return size + 1;
    }
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept
{
    auto& arriving = *static_cast<Arriving*>(user);
    auto const taken = guarded(size * count, [&] {
        if (arriving.answer.body.size() + size * count > arriving.most_bytes) {
            arriving.too_large = "the answer is larger than " + base::format_size(arriving.most_bytes);
            return false;
        }
        arriving.answer.body.append(view(data, size, count));
        return true;
    });
    ::explicit_bzero(data, size * count);   // libcurl's buffer, which it is done with
    return taken;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept
{
    return guarded(size * count, [&] {
        auto& arriving = *static_cast<Arriving*>(user);
        auto const line = base::trim(view(data, size, count));
        arriving.header_bytes += size * count;
        if (arriving.header_bytes > kMostHeaderBytes) {
            arriving.too_large = kLargeHeaders;
            return false;
        }
        if (line.starts_with("HTTP/")) arriving.answer.headers.clear();   // what came before was 100 Continue
        auto const colon = line.find(':');
        if (colon != std::string_view::npos && !line.starts_with("HTTP/")) {
            arriving.answer.headers[base::lower(base::trim(line.substr(0, colon)))] =
                base::trim(line.substr(colon + 1));
        }
        return true;
    });
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept
{
    try {
        return static_cast<HttpRequest const*>(user)->is_unwanted() ? 1 : 0;
    } catch (...) {
        return 1;
    }
}

HttpFailure kind_of(CURLcode code, std::string_view words)
{
    if (is_tls_failure(code, words)) return HttpFailure::Tls;
    switch (code) {
        case CURLE_URL_MALFORMAT: return HttpFailure::Url;
        case CURLE_OPERATION_TIMEDOUT: return HttpFailure::Timeout;
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_INTERFACE_FAILED:
        case CURLE_PROXY:
        case CURLE_FAILED_INIT:
        case CURLE_OUT_OF_MEMORY: return HttpFailure::Connect;
        default: return HttpFailure::Cut;   // PARTIAL_FILE, GOT_NOTHING, RECV_ERROR, no HTTP at all …
    }
}

}   // namespace

struct HttpClient::State {
    HttpOptions options;
    Curl curl = new_curl();
    std::array<char, CURL_ERROR_SIZE> words{};

    void prepare(HttpRequest const& request, Target const& target, curl_slist* headers, Arriving& arriving);
    HttpError failure(CURLcode code, HttpRequest const& request, Target const& target, Arriving const& arriving);
};

HttpClient::HttpClient(std::unique_ptr<State> state) : state_{std::move(state)} {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

base::Result<HttpClient> HttpClient::open(HttpOptions options)
{
    if (auto const checked = check_client_certificate(options.tls); !checked) return base::fail(checked.error());
    auto state = std::make_unique<State>();
    state->options = std::move(options);
    return HttpClient{std::move(state)};
}

void HttpClient::State::prepare(HttpRequest const& request, Target const& target, curl_slist* headers,
                                Arriving& arriving)
{
    auto* const handle = curl.get();
    words[0] = '\0';
    ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
    ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);   // else a slow resolver outlasts the timeout
    ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);   // it would send the token wherever it is told to
    ::curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    ::curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max<long>(1, request.timeout.count()));   // 0 would be for ever
    ::curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    ::curl_easy_setopt(handle, CURLOPT_CURLU, target.url.get());
    if (!target.socket.empty()) ::curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, target.socket.c_str());
    if (!options.user_agent.empty()) ::curl_easy_setopt(handle, CURLOPT_USERAGENT, options.user_agent.c_str());
    ::curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    ::curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    ::curl_easy_setopt(handle, CURLOPT_WRITEDATA, &arriving);
    ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, &arriving);
    if (request.is_unwanted) {
        ::curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
        ::curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &request);
    }
    set_method(handle, request);
    set_tls(handle, options.tls);
    set_proxy(handle, options, target);
}

HttpError HttpClient::State::failure(CURLcode code, HttpRequest const& request, Target const& target,
                                     Arriving const& arriving)
{
    auto const at = target.name() + ": ";
    if (!arriving.too_large.empty()) return {HttpFailure::TooLarge, at + arriving.too_large};
    if (code == CURLE_OUT_OF_MEMORY && arriving.header_bytes > 0) {   // libcurl's word for a line of 100 KiB
        return {HttpFailure::TooLarge, at + kLargeHeaders};
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return {HttpFailure::Timeout, at + "no whole answer within " + base::format_duration(request.timeout)};
    }
    auto const said = words_of(curl.get(), code, words.data());
    return {kind_of(code, said), at + said};
}

base::Result<HttpAnswer, HttpError> HttpClient::send(HttpRequest const& request)
{
    if (auto const checked = check(request); !checked) return base::fail_with(checked.error());
    auto target = parse_target(request.url, state_->options.tls.server_name);
    if (!target) return base::fail_with(target.error());
    auto const headers = header_list(request, *target);
    CurlList connect_to;
    if (!target->connect_to.empty()) append(connect_to, target->connect_to.c_str());

    auto* const handle = state_->curl.get();
    Arriving arriving;
    arriving.most_bytes = request.most_bytes;
    state_->prepare(request, *target, headers.get(), arriving);
    ::curl_easy_setopt(handle, CURLOPT_CONNECT_TO, connect_to.get());
    auto const code = ::curl_easy_perform(handle);
    long status = 0;
    ::curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    auto error = code == CURLE_OK ? HttpError{} : state_->failure(code, request, *target, arriving);
    ::curl_easy_reset(handle);   // it points into what ends here; the connection stays
    if (code != CURLE_OK) return base::fail_with(std::move(error));
    arriving.answer.status = static_cast<int>(status);
    return std::move(arriving.answer);
}

}   // namespace mailcore::net
