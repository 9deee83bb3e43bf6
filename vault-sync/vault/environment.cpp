#include "vault-sync/vault/environment.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.hpp"
#include "vault-sync/source/environment.hpp"

namespace mailcore::vault_sync {
namespace {

using base::Result;

struct Variable {
    std::string name;    // as it is set: BAO_… or VAULT_…
    std::string value;
};

// Set, and not to the empty string; an empty BAO_X hides VAULT_X.
std::optional<Variable> variable(std::string const& name)
{
    for (auto const* prefix : {"BAO_", "VAULT_"}) {
        char const* const value = std::getenv((prefix + name).c_str());
        if (value == nullptr) continue;
        if (*value == '\0') return std::nullopt;
        return Variable{prefix + name, value};
    }
    return std::nullopt;
}

void fill(std::string& setting, std::string const& name)
{
    if (!setting.empty()) return;
    if (auto found = variable(name)) setting = std::move(found->value);
}

Result<> refuse(Variable const& found, std::string_view expected)
{
    return base::fail(found.name + ": \"" + base::printable(found.value) + "\" is not " + std::string{expected},
                      base::ErrorKind::Configuration);
}

Result<> fill_switch(bool& setting, std::string const& name)
{
    auto const found = variable(name);
    if (!found) return {};
    // The words of Go's strconv.ParseBool, which the official client asks.
    for (auto const* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (found->value == yes) return setting = true, Result<>{};
    }
    for (auto const* no : {"0", "f", "F", "FALSE", "false", "False"}) {
        if (found->value == no) return {};
    }
    return refuse(*found, "true or false");
}

struct Unit {
    std::string_view name;
    double milliseconds;
};
constexpr std::array kUnits{Unit{"ms", 1}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000}};

// "60", "60s", "1m30s", "1.5s": a number is seconds, the rest as Go writes durations.
std::optional<config::Duration> parse_go_duration(std::string_view text)
{
    double total = 0;
    if (text.empty()) return std::nullopt;
    for (bool first = true; !text.empty(); first = false) {
        double number = 0;
        auto const [end, failure] =
            std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
        if (failure != std::errc{} || !(number >= 0) || text.front() > '9')
            return std::nullopt;  // "nan" and "inf" are numbers to it
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (first && text.empty())
            return config::Duration{static_cast<std::int64_t>(std::min(number, 86'400.0) * 1000)};
        auto const* unit = kUnits.begin();
        while (unit != kUnits.end() && !text.starts_with(unit->name)) ++unit;
        if (unit == kUnits.end()) return std::nullopt;
        text.remove_prefix(unit->name.size());
        total += number * unit->milliseconds;
    }
    return config::Duration{static_cast<std::int64_t>(std::min(total, 86'400'000.0))};
}

Result<> fill_timeout(VaultSettings& settings)
{
    if (settings.timeout.count() == 0) {
        if (auto const found = variable("CLIENT_TIMEOUT")) {
            auto const timeout = parse_go_duration(found->value);
            if (!timeout) return refuse(*found, "a time; write seconds, or a number and s or m, as in 60s");
            settings.timeout = *timeout;
        }
    }
    if (settings.timeout.count() == 0) settings.timeout = std::chrono::seconds{10};
    return {};
}

Result<> fill_retries(VaultSettings& settings)
{
    if (settings.retries >= 0) return {};
    settings.retries = 3;
    auto const found = variable("MAX_RETRIES");
    if (!found) return {};
    unsigned retries = 0;
    auto const* const end = found->value.data() + found->value.size();
    auto const [rest, failure] = std::from_chars(found->value.data(), end, retries);
    if (failure != std::errc{} || rest != end || retries > 100) return refuse(*found, "a number from 0 to 100");
    settings.retries = static_cast<int>(retries);
    return {};
}

// The first of the three that is set counts, and a configured ca_cert before them all.
void fill_trust(VaultSettings& settings)
{
    if (!settings.ca_cert.empty()) return;
    fill(settings.ca_cert, "CACERT");
    if (settings.ca_cert.empty()) fill(settings.ca_pem, "CACERT_BYTES");
    if (settings.ca_cert.empty() && settings.ca_pem.empty()) fill(settings.ca_path, "CAPATH");
}

// A private key in the environment is as secret as the token.
std::string take_key_bytes()
{
    std::string key;
    for (auto const* name : {"VAULT_CLIENT_KEY_BYTES", "BAO_CLIENT_KEY_BYTES"}) {
        if (auto const taken = take_variable(name)) key = taken->reveal();
    }
    return key;
}

Result<> one_without_other(Variable const& found, std::string const& missing)
{
    return base::fail(found.name + " is set without " + missing + "; set both or none", base::ErrorKind::Configuration);
}

Result<> fill_client_certificate(VaultSettings& settings)
{
    auto key_bytes = take_key_bytes();
    if (!settings.client_cert.empty() || !settings.client_key.empty()) return {};
    auto const certificate = variable("CLIENT_CERT");
    auto const key = variable("CLIENT_KEY");
    if (certificate && !key) return one_without_other(*certificate, "VAULT_CLIENT_KEY");
    if (key && !certificate) return one_without_other(*key, "VAULT_CLIENT_CERT");
    if (certificate) {
        settings.client_cert = certificate->value;
        settings.client_key = key->value;
        return {};
    }
    auto const certificate_bytes = variable("CLIENT_CERT_BYTES");
    if (certificate_bytes && key_bytes.empty()) return one_without_other(*certificate_bytes, "VAULT_CLIENT_KEY_BYTES");
    if (!certificate_bytes && !key_bytes.empty())
        return one_without_other({"VAULT_CLIENT_KEY_BYTES", ""}, "VAULT_CLIENT_CERT_BYTES");
    if (certificate_bytes) settings.client_cert_pem = certificate_bytes->value;
    settings.client_key_pem = std::move(key_bytes);
    return {};
}

void fill_address(VaultSettings& settings)
{
    if (!settings.address.empty()) return;
    if (auto found = variable("AGENT_ADDR")) {
        settings.address = std::move(found->value);
        settings.is_agent = true;
        return;
    }
    fill(settings.address, "ADDR");
    if (settings.address.empty()) settings.address = "https://127.0.0.1:8200";
}

// Both names are taken out, whichever counts.
Result<> take_token(VaultSettings& settings)
{
    auto vault = take_variable("VAULT_TOKEN");
    auto bao = take_variable("BAO_TOKEN");
    auto& counts = bao ? bao : vault;
    if (auto const path = std::getenv("BAO_TOKEN_PATH");
        path != nullptr && settings.auth.token_file.empty() && !counts) {
        settings.auth.token_file = path;
    }
    if (!counts) return {};
    auto const token = base::trim(counts->reveal());
    for (char const c : token) {
        // What the official client refuses, too: such a token cannot stand in a header.
        if (!base::is_printable_ascii(c)) {
            return base::fail(
                std::string{bao ? "BAO_TOKEN" : "VAULT_TOKEN"} + " holds a character that no token has; write it anew",
                base::ErrorKind::Configuration);
        }
    }
    if (settings.token.empty()) settings.token = base::Secret{token};
    return {};
}

}   // namespace

Result<> fill_from_environment(VaultSettings& settings)
{
    fill_address(settings);
    fill(settings.namespace_, "NAMESPACE");
    fill_trust(settings);
    fill(settings.server_name, "TLS_SERVER_NAME");
    fill(settings.proxy, "PROXY_ADDR");
    fill(settings.proxy, "HTTP_PROXY");
    // The secret ones first: they leave the environment even if another variable is refused.
    auto const token = take_token(settings);
    auto const certificate = fill_client_certificate(settings);
    for (auto const& done : {token, certificate, fill_switch(settings.skip_verify, "SKIP_VERIFY"),
                             fill_switch(settings.disable_redirects, "DISABLE_REDIRECTS"), fill_timeout(settings),
                             fill_retries(settings)}) {
        if (!done) return done;
    }
    return {};
}

}   // namespace mailcore::vault_sync
