#include "vault-sync/config/check_sections.hpp"

#include "core/base/text.hpp"
#include "core/crypto/certificate_pin.hpp"
#include "core/net/address.hpp"
#include "core/net/ip.hpp"
#include "vault-sync/config/providers.hpp"

namespace mailcore::vault_sync {

using config::Node;
using config::Path;
using config::Reader;

namespace {

// Where to point for a key: at its value, or at the section where it is not given.
Node const& at(Node const& section, std::string_view key)
{
    auto const* const found = section.find(key);
    return found ? *found : section;
}

void error(Reader& reader, Path const& path, Node const& node, std::string_view key, std::string_view words)
{
    reader.error(at(node, key), Path{&path, key}.before(words));
}

void warning(Reader& reader, Path const& path, Node const& node, std::string_view key, std::string_view words)
{
    reader.warning(at(node, key), Path{&path, key}.before(words));
}

bool is_given(Node const& section, std::string_view key) { return section.find(key) != nullptr; }

bool is_loopback(std::string_view host)
{
    if (base::equal_ignoring_case(host, "localhost")) return true;
    auto const address = net::IpAddress::parse(host);
    static auto const v4 = *net::CidrBlock::parse("127.0.0.0/8");
    static auto const v6 = *net::CidrBlock::parse("::1");
    return address && (v4.contains(*address) || v6.contains(*address));
}

// The host of http://host:port/path.
std::string_view host_of(std::string_view url)
{
    url.remove_prefix(std::string_view{"http://"}.size());
    url = url.substr(0, url.find('/'));
    if (auto const at_sign = url.rfind('@'); at_sign != std::string_view::npos) url.remove_prefix(at_sign + 1);
    if (url.starts_with('[')) return url.substr(1, url.find(']') - 1);
    return url.substr(0, url.find(':'));
}

void need(Reader& reader, Path const& path, Node const& node, std::string_view key, std::string_view method)
{
    error(reader, path, node, "method", std::string{method} + " needs the key \"" + std::string{key} + '"');
}

void check_host_of_ses(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    auto const host = base::lower(relay.host);
    auto const known = parse_ses_host(host);
    if (is_mail_manager_host(host)) {
        error(reader, path, node, "host",
              config::in_quotes(host) +
                  " takes mail in and never sends it on; SES sends by email-smtp.REGION.amazonaws.com");
    } else if (!known) {
        warning(reader, path, node, "host",
                config::in_quotes(host) + " is no host of SES; SES sends by email-smtp.REGION.amazonaws.com");
    } else if (relay.region_check == "on" && !known->china) {
        auto const complaint = region_complaint(known->region);
        if (!complaint.empty()) error(reader, path, node, "host", complaint);
    }
}

void check_host(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    if (relay.host.empty()) return;
    if (relay.kind == "ses" || relay.preset == "ses") return check_host_of_ses(reader, path, node, relay);
    auto const host = base::lower(relay.host);
    auto const* const preset = find_preset(relay.preset);
    if (preset && !preset->knows_host(host)) {
        warning(reader, path, node, "host",
                config::in_quotes(host) + " is no host of the preset " + relay.preset + ", which has " +
                    hosts_text(*preset));
    }
    if (is_mail_manager_host(host)) check_host_of_ses(reader, path, node, relay);
    if (auto const words = warning_for_host(host); !words.empty()) warning(reader, path, node, "host", words);
}

void check_kind(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    bool const says_smtp = is_given(node, "kind") && relay.kind == "smtp";
    if (relay.preset == "ses" && says_smtp) {
        error(reader, path, node, "kind", "the preset ses is of kind ses; write `kind: ses`, or leave the preset out");
    }
    if (relay.kind == "ses" && !relay.preset.empty() && relay.preset != "ses") {
        error(reader, path, node, "preset", relay.preset + " is no preset of kind ses; take one of the two out");
    }
    if (relay.source == "env" && (relay.kind == "ses" || relay.preset == "ses")) {
        error(reader, path, node, "source", "the SMTP_* variables hold no SES key; use vault or file:/path");
    }
}

void check_secret(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    if (relay.source == "vault" || relay.secret.empty()) return;
    warning(reader, path, node, "secret", "it is not read, the source is " + relay.source);
}

void check_fingerprints(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    auto const* const list = node.find("fingerprint");
    if (!list || list->kind != Node::Kind::List) return;
    for (Node const& item : *list) {
        if (item.kind != Node::Kind::Scalar) continue;   // already complained of
        auto const parsed = crypto::parse_fingerprint(item.text);
        if (!parsed) reader.error(item, Path{&path, "fingerprint"}.before(parsed.error().message));
    }
    if (relay.fingerprint.empty()) return;
    if (relay.tls == "none") {
        error(reader, path, node, "tls",
              "with none there is no certificate that a fingerprint could pin; "
              "write auto, starttls or wrapper");
    }
    if (!relay.ca_file.empty()) {
        warning(reader, path, node, "ca_file", "it is not used, the certificate is pinned by its fingerprint");
    }
}

void check_tls(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    bool const wrapper_port = relay.port == 465 || relay.port == 2465;
    bool const starttls_port = relay.port == 25 || relay.port == 587 || relay.port == 2525 || relay.port == 2587;
    if (relay.tls == "starttls" && wrapper_port) {
        warning(reader, path, node, "tls",
                "port " + std::to_string(relay.port) + " usually begins with TLS; that is `wrapper`, or auto");
    }
    if (relay.tls == "wrapper" && starttls_port) {
        warning(reader, path, node, "tls",
                "port " + std::to_string(relay.port) + " usually begins without TLS; that is `starttls`, or auto");
    }
    if (relay.tls == "none" && relay.plaintext == "allow") {
        warning(reader, path, node, "plaintext",
                "the password will cross the network where anybody on the way can read it");
    }
}

void check_hook(Reader& reader, Path const& path, Node const& node, std::string_view key)
{
    auto const* const list = node.find(key);
    if (!list || list->kind != Node::Kind::List || !list->first || list->first->kind != Node::Kind::Scalar) return;
    auto const& program = *list->first;
    if (config::is_absolute_path(program.text)) return;
    reader.error(program, Path{&path, key}.before(
                              config::in_quotes(program.text) +
                              " is no program; write its absolute path, then its arguments, as items of the list"));
}

}   // namespace

void check_section(Reader& reader, Path const& path, Node const& node, AuthSettings const& auth)
{
    bool const by_jwt = auth.method == "jwt" || auth.method == "kubernetes";
    if (by_jwt && auth.role.empty()) need(reader, path, node, "role", auth.method);
    if (auth.method == "jwt" && auth.jwt_file.empty()) need(reader, path, node, "jwt_file", auth.method);
    if (auth.wrapped && auth.method != "approle") {
        error(reader, path, node, "wrapped", "only the secret id of approle is ever wrapped");
    }
}

void check_section(Reader& reader, Path const& path, Node const& node, VaultSettings const& vault)
{
    if (!vault.client_cert.empty() && vault.client_key.empty()) {
        error(reader, path, node, "client_cert", "a certificate is of no use without its key; add client_key");
    }
    if (!vault.client_key.empty() && vault.client_cert.empty()) {
        error(reader, path, node, "client_key", "a key is of no use without its certificate; add client_cert");
    }
    if (vault.address.starts_with("http://") && !is_loopback(host_of(vault.address))) {
        warning(reader, path, node, "address",
                "over http the token and every secret cross the network where "
                "anybody on the way can read them; use https");
    }
}

void check_section(Reader& reader, Path const& path, Node const& node, RelaySettings const& relay)
{
    check_kind(reader, path, node, relay);
    check_secret(reader, path, node, relay);
    check_host(reader, path, node, relay);
    check_fingerprints(reader, path, node, relay);
    check_tls(reader, path, node, relay);
}

void check_section(Reader& reader, Path const& path, Node const& node, CacheSettings const& cache)
{
    if (cache.file.empty() || !cache.key.starts_with("transit:")) return;
    warning(reader, path, node, "key",
            "a transit-only cache cannot be read after a restart with Vault away; use "
            "credential:NAME or file:/path");
}

void check_section(Reader& reader, Path const& path, Node const& node, VerifySettings const& verify)
{
    if (verify.before_switch) return;
    warning(reader, path, node, "before_switch",
            "without the check a wrong secret in Vault replaces "
            "one that works");
}

void check_section(Reader& reader, Path const& path, Node const& node, HooksSettings const&)
{
    for (auto const* const key : {"on_change", "on_failure", "on_overdue"}) check_hook(reader, path, node, key);
}

void check_section(Reader& reader, Path const& path, Node const& node, SyncMetricsSettings const& metrics)
{
    auto const parsed = net::parse_metrics_address(metrics.listen.value);
    if (!parsed) return error(reader, path, node, "listen", parsed.error().message);
    if (parsed->kind == net::SocketAddress::Kind::Inet && !is_loopback(parsed->host)) {
        warning(reader, path, node, "listen",
                "everybody who reaches " + config::shown(parsed->host) +
                    " can read the metrics; they tell of relays and of the age of their secrets");
    }
}

}   // namespace mailcore::vault_sync
