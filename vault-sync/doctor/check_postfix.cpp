// Postfix's own settings. The causes behind most of "it does not log in", by SASL_README and by what smtp(8) was seen
// to do.

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/text.hpp"
#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

// A map of ours as main.cf has to name it.
struct WantedMap {
    char const* check;
    char const* parameter;
    char const* file;
    bool is_regexp;
};
constexpr std::array<WantedMap, 5> kMaps{{
    {"password_map", "smtp_sasl_password_maps", "sasl_passwd", false},
    {"tls_policy_map", "smtp_tls_policy_maps", "tls_policy", false},
    {"transport_map", "transport_maps", "transport", false},
    {"relayhost_map", "sender_dependent_relayhost_maps", "relayhost", true},
    {"default_transport_map", "sender_dependent_default_transport_maps", "default_transport", true},
}};

std::string map_type(Examination const& e)
{
    auto const& wanted = e.settings.output.map_type;
    return wanted == "auto" ? e.host.parameter("default_database_type") : wanted;
}

void check_map(Examination& e, WantedMap const& map)
{
    auto const path = e.settings.output.directory + "/current/" + map.file;
    auto const wanted = (map.is_regexp ? "regexp" : map_type(e)) + ":" + path;
    auto const tables = tables_of(e.host.parameter(map.parameter));
    std::string const cure = e.postconf(std::string{map.parameter} + " = " + wanted);
    auto const own =
        std::find_if(tables.begin(), tables.end(), [&](auto const& table) { return table.ends_with(":" + path); });
    if (own == tables.end()) return e.failed(map.check, std::string{map.parameter} + " does not name " + wanted, cure);
    if (own->starts_with("proxy:")) {
        return e.failed(
            map.check,
            std::string{map.parameter} + " goes through proxy:, which opens maps as user postfix: these are root's",
            cure);
    }
    if (own->starts_with("debug:"))
        return e.failed(map.check, std::string{map.parameter} + " goes through debug:, which logs values", cure);
    if (*own != wanted)
        return e.failed(map.check, std::string{map.parameter} + " says " + *own + ", but the map is " + wanted, cure);
    bool const others_matter = map.is_regexp || std::string_view{map.file} == "sasl_passwd";
    if (tables.size() > 1 && others_matter) {
        // Postfix looks a full address up in all tables before the domain in any, and a bare host before [host]:port.
        return e.warned(map.check,
                        std::string{map.parameter} + " names other tables, too; their lines can hide those of " + path,
                        cure);
    }
    e.passed(map.check, wanted);
}

void check_options(Examination& e)
{
    auto const is = [&](char const* check, char const* parameter, std::string const& wanted) {
        auto const value = e.host.parameter(parameter);
        if (value == wanted) return e.passed(check, std::string{parameter} + " = " + wanted);
        e.failed(check, std::string{parameter} + " is " + (value.empty() ? "empty" : value),
                 e.postconf(std::string{parameter} + " = " + wanted));
    };
    is("sasl_enabled", "smtp_sasl_auth_enable", "yes");
    // The default holds noplaintext, under which PLAIN and LOGIN are "no mechanism available".
    is("sasl_options", "smtp_sasl_security_options", "noanonymous");
    is("sasl_tls_options", "smtp_sasl_tls_security_options", "noanonymous");
    is("soft_bounce", "smtp_sasl_auth_soft_bounce", "yes");
    is("fingerprint_digest", "smtp_tls_fingerprint_digest", "sha256");
}

void check_mechanisms(Examination& e)
{
    auto const filter = base::lower(e.host.parameter("smtp_sasl_mechanism_filter"));
    if (filter.find("plain") != std::string::npos && filter.find("login") != std::string::npos) {
        e.passed("mechanism_filter", "smtp_sasl_mechanism_filter = " + filter);
    } else if (filter.empty()) {
        e.warned("mechanism_filter",
                 "Postfix may choose a mechanism that verify does not prove: smtp_sasl_mechanism_filter is empty",
                 e.postconf("smtp_sasl_mechanism_filter = plain, login"));
    } else {
        e.failed("mechanism_filter", "smtp_sasl_mechanism_filter leaves out plain or login: " + filter,
                 e.postconf("smtp_sasl_mechanism_filter = plain, login"));
    }
    if (e.host.sasl_clients.contains("cyrus")) e.passed("sasl_client", "Postfix has the Cyrus SASL client");
    else
        e.failed("sasl_client", "this Postfix was built without Cyrus SASL, which logs in to relays",
                 "apt-get install postfix");
    if (e.host.has_plain_mechanism) e.passed("sasl_modules", "libsasl2-modules has PLAIN and LOGIN");
    else
        e.failed("sasl_modules", "Cyrus SASL has no PLAIN here: mail waits with \"no mechanism available\"",
                 "apt-get install libsasl2-modules");
}

void check_trust(Examination& e)
{
    auto const file = e.host.parameter("smtp_tls_CAfile");
    auto const path = e.host.parameter("smtp_tls_CApath");
    if (path.empty() && file.empty()) {
        return e.failed("trust", "smtp_tls_CApath is empty: no relay's certificate can be checked",
                        e.postconf("smtp_tls_CApath = /etc/ssl/certs"));
    }
    auto const seen = seen_by(e.host, "smtp", path);
    if (file.empty() && e.host.file(seen) == nullptr) {   // CAfile is read before the chroot
        return e.failed("trust", "smtp looks for its authorities at " + seen + ", and they are not there",
                        "systemctl restart postfix, by which Debian copies " + path + " into the chroot");
    }
    e.passed("trust", path.empty() ? "smtp_tls_CAfile = " + file : "smtp_tls_CApath = " + path);
}

// A relay's 530 to MAIL FROM, as smtp(8) words it before it asks the filter.
void check_delivery_status_filter(Examination& e)
{
    auto const value = e.host.parameter("smtp_delivery_status_filter");
    if (value.find("530") != std::string::npos || (!value.empty() && value.find('{') == std::string::npos)) {
        return e.passed("delivery_status_filter", "smtp_delivery_status_filter = " + value);
    }
    e.failed("delivery_status_filter",
             "a relay that wants a login it was not given makes mail bounce: smtp_delivery_status_filter is " +
                 (value.empty() ? "empty" : value),
             e.postconf("smtp_delivery_status_filter = regexp:{{/^5(\\.[0-9]+\\.[0-9]+ .* 530 .*MAIL FROM.*)/ 4$$1}}"));
}

void check_wrapper_service(Examination& e)
{
    bool used = false;
    if (e.facts.generation != nullptr) {
        for (auto const& relay : e.facts.generation->relays) used = used || relay.tls == Tls::Wrapper;
    }
    auto const& services = e.host.services;
    auto const found = std::find_if(services.begin(), services.end(),
                                    [](auto const& one) { return one.name == "mailcore-smtps" && one.type == "unix"; });
    auto const command = "postconf " + (e.settings.postfix.config_directory == "/etc/postfix"
                                            ? ""
                                            : "-c " + e.settings.postfix.config_directory + " ");
    std::string const cure = command +
                             "-M 'mailcore-smtps/unix=mailcore-smtps unix - - y - - smtp -o smtp_tls_wrappermode=yes "
                             "-o smtp_tls_security_level=encrypt'";
    if (found == services.end()) {
        if (used)
            return e.failed("wrapper_service",
                            "master.cf has no service mailcore-smtps, which a relay on port 465 needs", cure);
        return e.not_applicable("wrapper_service", "no relay speaks TLS from the first byte");
    }
    auto const mode = found->overrides.find("smtp_tls_wrappermode");
    if (found->command == "smtp" && mode != found->overrides.end() && mode->second == "yes") {
        return e.passed("wrapper_service", "mailcore-smtps speaks TLS from the first byte");
    }
    e.failed("wrapper_service", "mailcore-smtps in master.cf is no smtp with smtp_tls_wrappermode=yes", cure);
}

// smtp(8) with -v, or for a peer that is debugged, logs user and password.
void check_verbosity(Examination& e)
{
    std::string verbose;
    for (auto const& service : e.host.services) {
        if (service.verbose) verbose += (verbose.empty() ? "" : ", ") + service.name + "/" + service.type;
    }
    if (verbose.empty()) e.passed("verbose_services", "no service of master.cf runs with -v");
    else
        e.failed("verbose_services", "-v logs passwords: " + verbose,
                 "take -v out of these services in master.cf, then postfix reload");
    auto const peers = e.host.parameter("debug_peer_list");
    if (peers.empty()) e.passed("debug_peers", "debug_peer_list is empty");
    else
        e.failed("debug_peers", "debug_peer_list logs the passwords given to " + peers,
                 e.postconf("debug_peer_list ="));
}

// SASL settings that a service of master.cf has for itself are not main.cf's.
void check_overrides(Examination& e)
{
    constexpr std::array<std::string_view, 6> kOurs{"smtp_sasl_auth_enable",      "smtp_sasl_password_maps",
                                                    "smtp_sasl_security_options", "smtp_sasl_tls_security_options",
                                                    "smtp_tls_policy_maps",       "smtp_delivery_status_filter"};
    std::string found;
    for (auto const& service : e.host.services) {
        if (service.command != "smtp") continue;
        for (auto const& [name, value] : service.overrides) {
            if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end())
                found += (found.empty() ? "" : ", ") + service.name + " (" + name + ")";
        }
    }
    if (found.empty()) return e.passed("overrides", "no smtp service of master.cf overrides these settings");
    e.warned("overrides", "master.cf overrides what main.cf says, so these may not log in: " + found,
             "compare them in master.cf");
}

void check_notes(Examination& e)
{
    if (auto const cache = e.host.parameter("smtp_sasl_auth_cache_name"); !cache.empty()) {
        e.warned("auth_cache",
                 "Postfix remembers refused logins (" + cache +
                     "): an account unlocked with the same password stays refused",
                 e.postconf("smtp_sasl_auth_cache_name ="));
    }
    if (e.host.parameter("smtp_sender_dependent_authentication") == "yes") {
        e.warned("sender_authentication",
                 "smtp_sender_dependent_authentication looks senders up before relays, and turns connection reuse off",
                 e.postconf("smtp_sender_dependent_authentication = no"));
    }
    auto const level = e.host.parameter("compatibility_level");
    int major = 0;
    std::from_chars(level.data(), level.data() + level.size(), major);
    if (major >= 3) e.passed("compatibility_level", "compatibility_level = " + level);
    else
        e.warned("compatibility_level",
                 "compatibility_level is " + level + ": old defaults are in force, some of them weak",
                 e.postconf("compatibility_level = 3.6") + ", after reading COMPATIBILITY_README");
}

}   // namespace

void check_postfix(Examination& e)
{
    if (!e.host.postfix_problem.empty())
        return e.failed("postfix", e.host.postfix_problem, "apt-get install postfix, or set postfix.config_directory");
    auto const type = map_type(e);
    if (e.host.map_types.contains(type)) e.passed("map_type", "Postfix knows " + type + " maps");
    else
        e.failed(
            "map_type", "this Postfix knows no " + type + " maps",
            type == "lmdb" || type == "cdb" ? "apt-get install postfix-" + type : "set output.map_type to cdb or lmdb");
    for (auto const& map : kMaps) check_map(e, map);
    check_options(e);
    check_mechanisms(e);
    check_trust(e);
    check_delivery_status_filter(e);
    check_wrapper_service(e);
    check_verbosity(e);
    check_overrides(e);
    check_notes(e);
    if (e.host.postfix_runs) e.passed("postfix_running", "Postfix runs");
    else e.warned("postfix_running", "Postfix does not run", "systemctl start postfix");
}

}   // namespace mailcore::vault_sync
