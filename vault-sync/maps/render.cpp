#include "vault-sync/maps/render.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/net/ip.hpp"

namespace mailcore::vault_sync {
namespace {

using base::fail;
using base::Result;

constexpr std::string_view kWrapperService = "mailcore-smtps";   // of master.cf, with smtp_tls_wrappermode=yes

// POSIX extended regular expressions, in regexp_table(5)'s slashes.
std::string escaped(std::string_view text)
{
    std::string out;
    for (char const c : text) {
        if (std::string_view{R"(.[]{}()\*+?|^$/)"}.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

// RFC 5321 4.1.2 Dot-string, as Postfix judges whether a local part has to be quoted.
bool is_dot_string(std::string_view local)
{
    constexpr std::string_view special = "()<>@,;:\\\"[] ";
    bool const atoms = std::none_of(local.begin(), local.end(), [&](char c) {
        return special.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < ' ' || c == 0x7F;
    });
    return atoms && !local.empty() && local.front() != '.' && local.back() != '.' &&
           local.find("..") == std::string_view::npos;
}

std::string quoted(std::string_view local)
{
    std::string out = "\"";
    for (char const c : local) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// A local part as the configuration has it, without quotes.
std::string unquoted(std::string_view local)
{
    if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string{local};
    std::string out;
    local = local.substr(1, local.size() - 2);
    for (std::size_t i = 0; i < local.size(); ++i) {
        if (local[i] == '\\' && i + 1 < local.size()) ++i;
        out += local[i];
    }
    return out;
}

// Postfix asks with the quoted form first, and the line for everyone else would answer that. Both forms are matched.
std::string pattern_of(std::string_view route)
{
    auto const at = route.rfind('@');
    auto const domain = escaped(route.substr(at));
    if (at == 0) return '/' + domain + "$/";
    auto const local = unquoted(route.substr(0, at));
    if (is_dot_string(local)) return "/^" + escaped(local) + domain + "$/";
    return "/^(" + escaped(quoted(local)) + '|' + escaped(local) + ')' + domain + "$/";
}

std::string service_nexthop(Relay const& relay)
{
    return std::string{relay.tls == Tls::Wrapper ? kWrapperService : "smtp"} + ':' + relay.nexthop();
}

std::string join(std::vector<std::string> const& texts, std::string_view separator)
{
    std::vector<std::string_view> const views{texts.begin(), texts.end()};
    return base::join(views, separator);
}

// Postfix compares digests as pairs with colons.
std::string with_colons(std::string_view hex)
{
    std::string out;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        if (i != 0 && i % 2 == 0) out += ':';
        out += hex[i] >= 'a' && hex[i] <= 'f' ? static_cast<char>(hex[i] - 'a' + 'A') : hex[i];
    }
    return out;
}

std::string pins(Relay const& relay)
{
    std::vector<std::string> digests;
    for (auto const& digest : relay.fingerprints) digests.push_back(with_colons(digest));
    return join(digests, "|");
}

// The patterns of `match` are separated by colons, so an IPv6 address cannot stand there; `nexthop` is the same host.
// Both kinds of address are compared with the addresses in the certificate (3.7.11, measured).
std::string match(Relay const& relay) { return relay.host.find(':') == std::string::npos ? relay.host : "nexthop"; }

std::string policy(Relay const& relay)
{
    if (relay.tls == Tls::None) return "none";
    if (!relay.fingerprints.empty()) return "fingerprint match=" + pins(relay);
    return "secure match=" + match(relay) + (relay.ca_file.empty() ? "" : " tafile=" + relay.ca_file);
}

base::Secret login(Relay const& relay)
{
    base::Secret line;
    line.reserve(relay.user.size() + 1 + relay.password.size());
    line.append(relay.user);
    line.append(":");
    line.append(relay.password.reveal());
    return line;
}

// Another port is another key, and providers have several.
std::string another_port(Relay const& relay)
{
    return relay.tls == Tls::Wrapper ? "2465" : relay.port == 2587 ? "587" : "2587";
}

class Renderer {
public:
    Renderer(std::vector<Relay> const& relays, Routing const& routing) : relays_{relays}, routing_{routing} {}

    Result<MapTexts> render()
    {
        if (auto const done = write_relays(); !done) return tl::unexpected{done.error()};
        if (auto const done = write_routes(); !done) return tl::unexpected{done.error()};
        if (auto const done = write_everyone_else(); !done) return tl::unexpected{done.error()};
        if (auto const done = write_transports(); !done) return tl::unexpected{done.error()};
        return std::move(texts_);
    }

private:
    Result<Relay const*> find(std::string const& name, std::string const& where) const
    {
        auto const found =
            std::find_if(relays_.begin(), relays_.end(), [&](Relay const& relay) { return relay.name == name; });
        if (found == relays_.end()) return fail(where + " names the relay " + name + ", of which no value is known");
        return &*found;
    }

    Result<> write_relays()
    {
        for (auto const& relay : relays_) {
            auto const nexthop = relay.nexthop();
            auto const [first, is_new] = by_nexthop_.emplace(nexthop, &relay);
            if (!is_new) {
                if (auto done = check_same(*first->second, relay); !done) return done;
                continue;
            }
            if (relay.has_login()) texts_.sasl_passwd.emplace(nexthop, login(relay));
            texts_.tls_policy.emplace(nexthop, base::Secret{policy(relay)});
        }
        return {};
    }

    // Postfix finds login and TLS by host and port alone. Two names for one and the same are fine.
    static Result<> check_same(Relay const& first, Relay const& second)
    {
        std::string what;
        if (first.user != second.user || !(first.password == second.password))
            what = "different logins";
        else if (first.tls != second.tls || policy(first) != policy(second))
            what = "different TLS";
        if (what.empty()) return {};
        return fail("relays " + first.name + " and " + second.name + " have the same host and port, " +
                    first.nexthop() + ", but " + what +
                    ", and Postfix can keep one for it; give one of them another port, for example " +
                    another_port(second));
    }

    // A route names its relay and means it: another one might not be allowed to send for that domain. So the fallbacks
    // serve everyone else only.
    Result<> write_routes()
    {
        for (bool const whole_domains : {false, true}) {   // full addresses first
            for (auto const& [sender, name] : routing_.routes) {
                if (sender.starts_with('@') != whole_domains) continue;
                auto const relay = find(name, "routes: " + sender);
                if (!relay) return tl::unexpected{relay.error()};
                write_line(pattern_of(sender), {*relay});
            }
        }
        return {};
    }

    Result<> write_everyone_else()
    {
        auto const active = find(routing_.active, "active");
        if (!active) return tl::unexpected{active.error()};
        std::vector<Relay const*> list{*active};
        for (auto const& name : routing_.fallback) {
            auto const relay = find(name, "fallback");
            if (!relay) return tl::unexpected{relay.error()};
            if (std::find(list.begin(), list.end(), *relay) != list.end()) continue;   // `use` made it the active one
            if (auto done = check_transport(**active, **relay); !done) return done;
            list.push_back(*relay);
        }
        write_line("/^/", list);
        return {};
    }

    static Result<> check_transport(Relay const& active, Relay const& other)
    {
        if ((active.tls == Tls::Wrapper) == (other.tls == Tls::Wrapper)) return {};
        auto const& wrapper = active.tls == Tls::Wrapper ? active : other;
        auto const& plain = active.tls == Tls::Wrapper ? other : active;
        return fail("relay " + other.name + " cannot be a fallback of " + active.name + ": " + wrapper.name +
                    " begins with TLS (wrapper, port " + std::to_string(wrapper.port) + ") and " + plain.name +
                    " does not, so Postfix reaches them by different transports; give " + wrapper.name +
                    " a port with STARTTLS, for example 587 or 2587, or take it out of the list");
    }

    // One line in each of the two tables, so that both always take the same decision. A wrapper relay's nexthop in the
    // transport is stronger than the relayhost, and may be a list as well (both measured on 3.7.11).
    void write_line(std::string const& pattern, std::vector<Relay const*> const& list)
    {
        std::vector<std::string> hops;
        for (auto const* const relay : list) hops.push_back(relay->nexthop());
        auto const nexthops = join(hops, ", ");
        bool const wrapper = list.front()->tls == Tls::Wrapper;
        texts_.relayhost += pattern + ' ' + nexthops + '\n';
        texts_.default_transport +=
            pattern + ' ' + (wrapper ? std::string{kWrapperService} + ':' + nexthops : "DUNNO") + '\n';
    }

    Result<> write_transports()
    {
        for (auto const& [domain, name] : routing_.transports) {
            auto const relay = find(name, "transports: " + domain);
            if (!relay) return tl::unexpected{relay.error()};
            texts_.transport.emplace(domain, service_nexthop(**relay));
        }
        return {};
    }

    std::vector<Relay> const& relays_;
    Routing const& routing_;
    std::map<std::string, Relay const*> by_nexthop_;
    MapTexts texts_;
};

// Adds lines of `former` whose keys are not in `lines`; returns their keys.
void carry(MapLines& lines, MapLines const& former, std::vector<std::string>& keys)
{
    for (auto const& [key, value] : former) {
        if (lines.contains(key)) continue;
        lines.emplace(key, value.copy());
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
}

}   // namespace

Result<MapTexts> render(std::vector<Relay> const& relays, Routing const& routing)
{
    return Renderer{relays, routing}.render();
}

std::vector<std::string> carry_lines(MapTexts& texts, MapTexts const& former)
{
    // By the relays named now: one that lost its login must not get the former one back, as a nexthop it still names.
    std::vector<std::string> keys;
    MapLines former_logins;
    for (auto const& [key, value] : former.sasl_passwd) {
        if (!texts.tls_policy.contains(key)) former_logins.emplace(key, value.copy());
    }
    carry(texts.sasl_passwd, former_logins, keys);
    carry(texts.tls_policy, former.tls_policy, keys);
    std::sort(keys.begin(), keys.end());
    return keys;
}

base::Secret map_file(MapLines const& lines)
{
    std::size_t size = 0;
    for (auto const& [key, value] : lines) size += key.size() + value.size() + 2;
    base::Secret text;
    text.reserve(size);   // once: nothing is left behind on the way
    for (auto const& [key, value] : lines) {
        text.append(key);
        text.append(" ");
        text.append(value.reveal());
        text.append("\n");
    }
    return text;
}

std::string map_file(std::map<std::string, std::string> const& lines)
{
    std::string text;
    for (auto const& [key, value] : lines) text += key + ' ' + value + '\n';
    return text;
}

}   // namespace mailcore::vault_sync
