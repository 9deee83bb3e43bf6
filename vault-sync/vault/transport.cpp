#include "vault-sync/vault/transport.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include "core/base/text.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::chrono::milliseconds kLongestPause{30'000};
constexpr std::size_t kMostAnswer = 1u << 20u;
constexpr std::size_t kMostKnown = 32;
constexpr std::size_t kMostWords = 300;

bool is_redirect(int status) { return status == 301 || status == 302 || status == 307; }

// 412: a standby has not caught up. (501, not initialised, does not pass by itself: judge() knows it.)
bool is_transient(int status) { return status == 412 || status == 429 || status >= 500; }

// The server has turned it away before it acted.
bool is_unheard(int status) { return status == 412 || status == 429 || status == 503; }

// "https" of "https://vault.example:8200/v1/…".
std::string scheme_of(std::string_view url) { return base::lower(url.substr(0, url.find("://"))); }

// "https://vault.example:8200" of the same.
std::string_view origin_of(std::string_view url)
{
    auto const host = url.find("://");
    return host == std::string_view::npos ? url : url.substr(0, url.find_first_of("/?#", host + 3));
}

// For a message: without a login, of a bearable length.
std::string shown_origin(std::string_view url)
{
    auto const origin = origin_of(url);
    auto const at = origin.rfind('@');
    auto const shown = at == std::string_view::npos ? std::string{origin}
                                                    : scheme_of(url) + "://" + std::string{origin.substr(at + 1)};
    return base::printable(std::string_view{shown}.substr(0, 200));
}

std::string percent_encoded(std::string_view path)
{
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (char const c : path) {
        if (base::is_alnum(c) || std::string_view{"/-._~"}.find(c) != std::string_view::npos) {
            out += c;
        } else {
            auto const byte = static_cast<unsigned char>(c);
            out += {'%', hex[byte >> 4u], hex[byte & 15u]};
        }
    }
    return out;
}

// Whole seconds; a date, which Vault never sends, counts as nothing.
std::optional<std::chrono::milliseconds> retry_after(net::HttpAnswer const& answer)
{
    auto const header = answer.headers.find("retry-after");
    if (header == answer.headers.end()) return std::nullopt;
    auto const text = base::trim(header->second);
    unsigned seconds = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return std::chrono::milliseconds{std::min<std::int64_t>(std::int64_t{seconds} * 1000, kLongestPause.count())};
}

// "1 error occurred:\n\t* permission denied\n\n" is how Go prints one error: "permission denied".
std::string one_line(std::string_view text)
{
    constexpr std::string_view heading = " occurred:";
    if (auto const end = text.find(heading); end < 20)   // and so not npos
        text.remove_prefix(end + heading.size());
    std::string line;
    for (auto const part : base::split(text, '\n')) {
        auto words = base::trim(part);
        if (words.starts_with("* ")) words.remove_prefix(2);
        if (words.empty()) continue;
        line += (line.empty() ? "" : ", ") + std::string{words};
    }
    return line;
}

void blank(std::string& text, std::string_view secret)
{
    if (secret.size() < 4) return;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
        text.replace(at, secret.size(), "***");
}

std::string after_colon(std::string const& words) { return words.empty() ? "" : ": " + words; }

}   // namespace

struct Transport::Outcome {
    VaultResult<ApiAnswer> result;
    bool again = false;
    std::optional<std::chrono::milliseconds> after;

    Outcome(VaultResult<ApiAnswer> given) : result{std::move(given)} {}
    Outcome(VaultFailure kind, std::string message, bool transient = false)
        : result{fail(kind, std::move(message))}, again{transient}
    {
    }
};

Transport::Transport(VaultSettings const& settings, VaultEnvironment const& environment, VaultSeams seams)
    : address_{settings.address},
      namespace_{settings.namespace_},
      timeout_{settings.timeout},
      retries_{settings.retries},
      disable_redirects_{settings.disable_redirects},
      environment_{&environment},
      seams_{std::move(seams)} {
    while (address_.ends_with('/')) address_.pop_back();
}

base::Result<> Transport::check_address(std::string const& address)
{
    auto const refuse = [&](std::string const& why) {
        return base::fail("vault.address: \"" + base::printable(address) + "\" " + why, base::ErrorKind::Configuration);
    };
    auto const scheme = scheme_of(address);
    auto const rest = address.substr(std::min(address.size(), scheme.size() + 3));
    if (address.find("://") == std::string::npos || (scheme != "https" && scheme != "http" && scheme != "unix") ||
        rest.empty()) {
        return refuse("is no address of Vault; write https://HOST:PORT, or unix:///PATH for an agent");
    }
    // Not shown: it may be a password.
    if (origin_of(address).find('@') != std::string_view::npos) {
        return base::fail("vault.address holds a login; write only https://HOST:PORT", base::ErrorKind::Configuration);
    }
    if (address.find_first_of("?#\\ \t\r\n") != std::string::npos)
        return refuse("holds a character that no address has");
    if (scheme == "unix" && !rest.starts_with('/')) return refuse("names no absolute path; write unix:///PATH");
    return {};
}

bool Transport::is_exposed() const
{
    if (scheme_of(address_) != "http") return false;
    auto host = origin_of(address_).substr(7);
    host = host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
    return host != "localhost" && host != "[::1]" && !host.starts_with("127.");
}

void Transport::remember(base::Secret const& secret)
{
    if (secret.empty() || std::find(known_.begin(), known_.end(), secret) != known_.end()) return;
    if (known_.size() >= kMostKnown) known_.erase(known_.begin());
    known_.push_back(secret.copy());
    if (environment_->remember_secret) environment_->remember_secret(secret);
}

void Transport::warn(std::string const& warning) const
{
    if (environment_->warn) environment_->warn(warning);
}

VaultResult<ApiAnswer> Transport::call(ApiCall const& call)
{
    for (int attempt = 1;; ++attempt) {
        auto outcome = once(call);
        if (!outcome.again || attempt > retries_ || !pause(attempt, outcome)) return std::move(outcome.result);
    }
}

// 1000 to 1500 ms, more with each attempt, as the official client waits; or what the server asks for. False: stop.
bool Transport::pause(int attempt, Outcome const& outcome) const
{
    auto const spread = std::chrono::milliseconds{1000 + static_cast<int>(random() * 500)} * attempt;
    auto const time = std::min(outcome.after.value_or(spread), kLongestPause);
    if (environment_->wait) return environment_->wait(time);
    std::this_thread::sleep_for(time);
    return true;
}

base::Result<net::HttpAnswer, net::HttpError> Transport::send(ApiCall const& call, std::string url)
{
    net::HttpRequest request;
    request.method = call.method;
    request.url = std::move(url);
    request.timeout = timeout_;
    request.most_bytes = kMostAnswer;
    // Agents with require_request_header answer 412 to whoever does not send this one.
    request.headers.push_back({"X-Vault-Request", base::Secret{"true"}});
    if (call.token != nullptr && !call.token->empty()) request.headers.push_back({"X-Vault-Token", call.token->copy()});
    if (!namespace_.empty())
        request.headers.push_back({"X-Vault-Namespace", base::Secret{std::string_view{namespace_}}});
    if (call.body != nullptr) {
        request.headers.push_back({"Content-Type", base::Secret{"application/json"}});
        request.body = call.body->copy();
    }
    return seams_.send(request);
}

Transport::Outcome Transport::once(ApiCall const& call)
{
    auto const separator = scheme_of(address_) == "unix" ? ":/v1/" : "/v1/";
    auto answer = send(call, address_ + separator + percent_encoded(call.path));
    if (!answer) return failed(call, answer.error());
    if (is_redirect(answer->status)) return follow(call, *answer);
    return judge(call, std::move(*answer));
}

// By hand, since libcurl would send the token wherever it is told to: one step, same method and body, same scheme.
Transport::Outcome Transport::follow(ApiCall const& call, net::HttpAnswer const& redirect)
{
    auto const status = " (" + std::to_string(redirect.status) + ")";
    auto const header = redirect.headers.find("location");
    auto location = header == redirect.headers.end() ? std::string{} : std::string{base::trim(header->second)};
    if (disable_redirects_) {
        return {VaultFailure::Unreachable,
                address_ + " redirects" + status +
                    ", which VAULT_DISABLE_REDIRECTS forbids; name the active server in vault.address"};
    }
    auto const scheme = scheme_of(address_);
    if (location.starts_with('/') && !location.starts_with("//") && scheme != "unix")
        location.insert(0, origin_of(address_));
    auto const shown = shown_origin(location);
    if (location.find("://") == std::string::npos)
        return {VaultFailure::Unreachable, address_ + " redirects" + status + " to nowhere"};
    if (scheme_of(location) != scheme || origin_of(location).find('@') != std::string_view::npos) {
        return {VaultFailure::Unreachable,
                address_ + " redirects" + status + " to " + shown + ": refused, the token goes by " + scheme + " only"};
    }
    auto answer = send(call, location);
    if (!answer) return failed(call, answer.error());
    if (is_redirect(answer->status)) {
        return {VaultFailure::Unreachable, address_ + " redirects" + status + " to " + shown +
                                               ", which redirects again; name the active server in vault.address"};
    }
    return judge(call, std::move(*answer));
}

Transport::Outcome Transport::failed(ApiCall const& call, net::HttpError const& error) const
{
    bool const heard = error.kind == net::HttpFailure::Timeout || error.kind == net::HttpFailure::Cut;
    bool const again = call.repeat == Repeat::Always || (call.repeat == Repeat::IfUnheard && !heard);
    auto const unreachable = [&](std::string const& words, bool transient) {
        return Outcome{VaultFailure::Unreachable, address_ + words, transient && again};
    };
    switch (error.kind) {
        case net::HttpFailure::Url:
            return unreachable(" cannot be asked: " + error.message + "; check vault.address", false);
        case net::HttpFailure::Connect: return unreachable(" cannot be reached: " + error.message, true);
        case net::HttpFailure::Tls:
            return unreachable(" cannot be trusted: " + error.message +
                                   "; check vault.ca_cert and the names in the server's certificate",
                               false);
        case net::HttpFailure::Timeout: return unreachable(" gave no answer in time: " + error.message, true);
        case net::HttpFailure::Cut: return unreachable(" broke off its answer: " + error.message, true);
        case net::HttpFailure::TooLarge:
            return unreachable(" answered more than Vault ever does: " + error.message, false);
    }
    return unreachable(" cannot be asked: " + error.message, false);
}

// Takes the body. An answer that is none of Vault's (a proxy's page, a cut text) is as good as no answer; never shown.
Transport::Outcome Transport::judge(ApiCall const& call, net::HttpAnswer answer)
{
    ApiAnswer told;
    told.status = answer.status;
    bool const empty = answer.body.empty();
    if (!empty) {
        if (auto json = SecretJson::parse(std::move(answer.body))) told.json = std::move(*json);
    }
    if (told.json) told.words = words_of(*told.json);
    // Vault says "no content" by 204; another answer without a body was cut after its first line.
    if (told.ok() && empty && answer.status != 204) return failed(call, {net::HttpFailure::Cut, "it is empty"});
    if (told.ok() && (told.json || empty)) return {std::move(told)};

    auto const status = std::to_string(answer.status);
    if (answer.status == 501)
        return {VaultFailure::Sealed, address_ + " is not initialised (501)" + after_colon(told.words)};
    if (is_transient(answer.status)) return away(call, answer, told);
    if (!told.json) {
        auto const cure = scheme_of(address_) == "http" ? "; if the server wants TLS, write https:// in vault.address"
                                                        : "; is a proxy in between?";
        return {VaultFailure::Unreachable, address_ + " answered " + status + " without Vault's JSON" + cure};
    }
    // A mount on its way from KV 1 to 2: passes by itself.
    if (answer.status == 400 && told.words.find("Upgrading from non-versioned") != std::string::npos)
        return away(call, answer, told);
    if (answer.status == 400 || answer.status == 403 || answer.status == 404) return {std::move(told)};
    return {VaultFailure::Malformed,
            address_ + " refused " + call.method + " " + call.path + " (" + status + ")" + after_colon(told.words)};
}

Transport::Outcome Transport::away(ApiCall const& call, net::HttpAnswer const& answer, ApiAnswer const& told) const
{
    bool const again = call.repeat == Repeat::Always || (call.repeat == Repeat::IfUnheard && is_unheard(answer.status));
    auto const kind = told.json ? VaultFailure::Sealed : VaultFailure::Unreachable;
    Outcome outcome{
        kind, address_ + " cannot serve now (" + std::to_string(answer.status) + ")" + after_colon(told.words), again};
    outcome.after = retry_after(answer);
    return outcome;
}

std::string Transport::words_of(SecretJson const& json) const
{
    std::string words;
    auto const errors = json.at("errors");
    for (std::size_t i = 0; i < errors.size() && words.size() < kMostWords; ++i) {
        auto const line = one_line(errors.item(i).text());
        if (!line.empty()) words += (words.empty() ? "" : "; ") + line;
    }
    for (auto const& secret : known_) blank(words, secret.reveal());
    return base::printable(std::string_view{words}.substr(0, kMostWords));
}

}   // namespace mailcore::vault_sync
