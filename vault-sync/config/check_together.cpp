#include "vault-sync/config/check_together.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "core/base/text.hpp"
#include "core/mail/address_pattern.hpp"
#include "core/mail/domain.hpp"

namespace mailcore::vault_sync {
namespace {

using base::Result;
using config::in_quotes;
using config::Node;
using config::Text;

// Postfix compares in lower case, and a domain as it is on the wire.
Result<std::string> route_key(std::string_view written)
{
    auto const pattern = mail::AddressPattern::parse(written);
    using Kind = mail::AddressPattern::Kind;
    if (!pattern || pattern->kind == Kind::Subdomains) {
        return base::fail(in_quotes(written) +
                          " is no envelope sender; write an address, or @domain for all of a domain");
    }
    return pattern->to_string();
}

Result<std::string> transport_key(std::string_view written)
{
    std::string domain;
    mail::append_comparable_domain(domain, written);
    if (!mail::is_valid_domain(domain)) {
        return base::fail(in_quotes(written) +
                          " is no domain; write one as in example.net (each subdomain needs a line of its own)");
    }
    return domain;
}

// Whether a relay is spoken to with TLS from the first byte, where the configuration alone tells.
std::optional<bool> is_wrapper(RelaySettings const& relay)
{
    if (relay.tls == "wrapper") return true;
    if (relay.tls != "auto") return false;
    if (relay.port == 465 || relay.port == 2465) return true;
    return std::nullopt;   // the secret's port or use_ssl may say so
}

// Where a relay's login comes from, as one text to compare.
std::string origin(RelaySettings const& relay)
{
    if (relay.source != "vault") return relay.source;
    auto path = relay.secret;
    if (auto const data = path.find("/data/"); data != std::string::npos) path.erase(data, 5);   // of version 2
    return relay.mount + '\n' + path;
}

class Together {
public:
    Together(Settings& settings, config::Document const& document, config::Diagnostics& problems)
        : settings_{settings}, document_{document}, problems_{problems}
    {
        for (auto const& relay : settings_.relays) names_.push_back(relay.name.value);
    }

    void check()
    {
        check_relays();
        check_name("active", settings_.active);
        check_fallback();
        settings_.routes = checked_map("routes", settings_.routes, route_key);
        settings_.transports = checked_map("transports", settings_.transports, transport_key);
        check_same_endpoint();
        check_fallback_transports();
    }

private:
    Node const* written(RelaySettings const& relay, std::string_view key) const
    {
        auto const* const relays = document_.root().find("relays");
        auto const* const section = relays ? relays->find(relay.name.value) : nullptr;
        return section ? section->find(key) : nullptr;
    }

    config::Position place_of(RelaySettings const& relay, std::string_view key) const
    {
        auto const* const value = written(relay, key);
        return value ? document_.position(*value) : relay.name.position;
    }

    void check_relays()
    {
        auto const* const relays = document_.root().find("relays");
        bool const holds_none = relays && (relays->kind == Node::Kind::Map || relays->kind == Node::Kind::Nothing);
        if (holds_none && settings_.relays.empty()) {
            problems_.error(document_.position(*relays),
                            "relays: there is none; name at least the one that takes the mail");
        }
        for (auto const& relay : settings_.relays) {
            check_secret_is_named(relay);
            if (relay.source == "env" && settings_.mode == "production") {
                problems_.warning(place_of(relay, "source"),
                                  "relays." + relay.name.value +
                                      ".source: in production the environment serves a relay without login only");
            }
        }
    }

    // SMTP_VAULT_PATH tells the path for the active relay, if it is of kind smtp.
    void check_secret_is_named(RelaySettings const& relay)
    {
        if (relay.source != "vault" || !relay.secret.empty()) return;
        auto const* const source = written(relay, "source");
        if (written(relay, "secret") || (source && source->text != relay.source)) return;   // already complained of
        auto const where = "relays." + relay.name.value + ": the key \"secret\" is missing";
        if (relay.name.value != settings_.active.value || relay.kind != "smtp")
            return problems_.error(relay.name.position, where);
        auto const* const path = std::getenv("SMTP_VAULT_PATH");
        if (path != nullptr && *path != '\0') return;
        problems_.warning(relay.name.position,
                          where + "; SMTP_VAULT_PATH in the environment must name the path, and is not set here");
    }

    // An empty name without a place was not given, which has been reported.
    bool check_name(std::string const& where, Text const& name)
    {
        if (std::find(names_.begin(), names_.end(), name.value) != names_.end()) return true;
        if (name.position.line == 0 || names_.empty()) return false;
        auto const near = base::nearest(base::lower(name.value), names_);
        auto const hint =
            near.empty() ? "relays: " + base::join(names_, ", ") : "did you mean " + in_quotes(near) + "?";
        problems_.error(name.position, where + ": unknown relay " + in_quotes(name.value) + "; " + hint);
        return false;
    }

    void check_fallback()
    {
        std::set<std::string_view> seen;
        for (auto const& name : settings_.fallback) {
            if (!check_name("fallback", name)) continue;
            if (name.value == settings_.active.value) {
                problems_.error(name.position, "fallback: " + in_quotes(name.value) +
                                                   " is the active relay; it cannot stand in for itself");
            }
            if (!seen.insert(name.value).second) {
                problems_.error(name.position, "fallback: " + in_quotes(name.value) + " is given twice");
            }
        }
    }

    std::map<std::string, Text> checked_map(std::string const& where, std::map<std::string, Text> const& written,
                                            Result<std::string> (*form)(std::string_view))
    {
        std::map<std::string, Text> checked;
        auto const* const section = document_.root().find(where);
        if (!section || section->kind != Node::Kind::Map) return checked;
        for (Node const& entry : *section) {
            auto const place = document_.position(*entry.key);
            auto const key = form(entry.key->text);
            if (!key) {
                problems_.error(place, where + ": " + key.error().message);
                continue;
            }
            auto const value = written.find(std::string{entry.key->text});
            if (value == written.end() || !check_name(where + '.' + config::shown(*key), value->second)) continue;
            if (!checked.emplace(*key, value->second).second) {
                problems_.error(
                    place, where + ": " + in_quotes(*key) + " is given twice; upper and lower case are the same here");
            }
        }
        return checked;
    }

    // Postfix finds a login by host and port: two logins for one of them cannot be.
    void check_same_endpoint()
    {
        auto const& relays = settings_.relays;
        for (std::size_t i = 0; i < relays.size(); ++i) {
            if (relays[i].host.empty() || relays[i].port == 0) continue;
            auto const same =
                std::find_if(relays.begin(), relays.begin() + static_cast<std::ptrdiff_t>(i), [&](auto const& other) {
                    return base::equal_ignoring_case(other.host, relays[i].host) && other.port == relays[i].port &&
                           origin(other) != origin(relays[i]);
                });
            if (same == relays.begin() + static_cast<std::ptrdiff_t>(i)) continue;
            problems_.error(place_of(relays[i], "port"), "relays " + same->name.value + " and " + relays[i].name.value +
                                                             " have the same host and port but different "
                                                             "secrets, and Postfix can keep one login for [" +
                                                             base::lower(relays[i].host) +
                                                             "]:" + std::to_string(relays[i].port) +
                                                             "; give one of them another port, for example 2587");
        }
    }

    void check_fallback_transports()
    {
        auto const* const active = settings_.relay(settings_.active.value);
        if (!active) return;
        for (auto const& name : settings_.fallback) {
            auto const* const other = settings_.relay(name.value);
            if (!other || other == active) continue;
            auto const left = is_wrapper(*active);
            auto const right = is_wrapper(*other);
            if (!left || !right || *left == *right) continue;
            auto const& wrapper = *left ? active->name.value : other->name.value;
            auto const& plain = *left ? other->name.value : active->name.value;
            problems_.error(name.position,
                            "fallback: relay " + wrapper + " begins with TLS (wrapper) and relay " + plain +
                                " does not: Postfix reaches them by different transports, and one list of fallbacks "
                                "has one; give " +
                                wrapper + " a port with STARTTLS, for example 587 or 2587");
        }
    }

    Settings& settings_;
    config::Document const& document_;
    config::Diagnostics& problems_;
    std::vector<std::string_view> names_;
};

}   // namespace

void check_together(Settings& settings, config::Document const& document, config::Diagnostics& problems)
{
    Together{settings, document, problems}.check();
}

}   // namespace mailcore::vault_sync
