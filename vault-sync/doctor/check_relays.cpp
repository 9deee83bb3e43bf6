// What is in force: the generation, its keys against what Postfix routes by, its providers, the age of its logins.

#include <algorithm>

#include "core/base/text.hpp"
#include "vault-sync/config/providers.hpp"
#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

Relay const* relay_at(Generation const& generation, std::string const& nexthop)
{
    auto const found = std::find_if(generation.relays.begin(), generation.relays.end(),
                                    [&](Relay const& relay) { return relay.nexthop() == nexthop; });
    return found == generation.relays.end() ? nullptr : &*found;
}

void check_generation(Examination& e)
{
    if (!e.facts.damage.empty())
        e.failed("generation", e.facts.damage, "vault-sync once --force, or vault-sync rollback");
    else if (e.facts.generation == nullptr)
        e.failed("generation", "there are no maps yet: mail waits", "vault-sync once");
    else e.passed("generation", "generation " + std::to_string(e.facts.generation->number) + " is whole");
    if (e.facts.reload_owed) {
        e.failed("reload",
                 "Postfix has not taken generation " + std::to_string(*e.facts.reload_owed) + ": it owes a reload",
                 e.settings.postfix.reload == "never" ? "postfix reload" : "vault-sync once");
    } else {
        e.passed("reload", "Postfix owes no reload");
    }
    if (e.settings.postfix.reload == "never") {
        e.warned("reload_never", "postfix.reload is never: each switch waits for somebody to reload",
                 "set postfix.reload to on_change");
    }
}

// The key in sasl_passwd has to be the nexthop's very text: [host]:587, not host, not [host]:submission.
void check_keys(Examination& e)
{
    if (e.facts.generation == nullptr) return;
    std::string unknown;
    for (auto const& nexthop : e.host.everyones_nexthops) {
        if (relay_at(*e.facts.generation, nexthop) == nullptr) unknown += " " + nexthop;
    }
    if (e.host.everyones_nexthops.empty()) {
        e.failed("route",
                 "sender_dependent_relayhost_maps has no answer for an unknown sender: mail goes out directly, or by "
                 "relayhost",
                 "vault-sync once --force");
    } else if (!unknown.empty()) {
        e.failed("route",
                 "mail goes to what is no relay of generation " + std::to_string(e.facts.generation->number) +
                     ", without a login:" + unknown,
                 "take other tables out of sender_dependent_relayhost_maps");
    } else {
        e.passed("route", "everyone's mail goes to " + e.host.everyones_nexthops.front());
    }
    if (e.host.bare_hosts.empty()) return e.passed("bare_hosts", "no bare host name wins over [host]:port");
    std::string hosts;
    for (auto const& host : e.host.bare_hosts) hosts += " " + host;
    e.failed("bare_hosts",
             "smtp_sasl_password_maps has keys without brackets and port, which win over vault-sync's:" + hosts,
             "take them out of the table that has them");
}

void check_relayhost(Examination& e)
{
    auto const relayhost = e.host.parameter("relayhost");
    if (relayhost.empty()) return e.passed("relayhost", "relayhost is empty; vault-sync's table says it");
    e.warned("relayhost",
             "relayhost = " + relayhost + " is never used: the last line of vault-sync's table answers for everyone",
             e.postconf("relayhost ="));
}

void check_provider(Examination& e, Relay const& relay)
{
    auto warning = warning_for_host(relay.host);
    auto const* settings = e.settings.relay(relay.name);
    if (warning.empty() && settings != nullptr && !settings->preset.empty()) {
        if (auto const* preset = find_preset(settings->preset)) warning = preset->warning;
    }
    if (warning.empty() && is_mail_manager_host(relay.host))
        warning = "this host takes mail in and does not send it on";
    if (!warning.empty()) e.warned("provider", relay.name + ": " + std::string{warning}, "");
    if (relay.tls == Tls::None && relay.has_login()) {
        e.warned("plaintext", relay.name + ": the password goes over the network unencrypted (plaintext: allow)",
                 "use port 587 with tls: starttls");
    }
}

}   // namespace

void check_relays(Examination& e)
{
    check_generation(e);
    check_keys(e);
    check_relayhost(e);
    if (e.facts.generation != nullptr) {
        for (auto const& relay : e.facts.generation->relays) check_provider(e, relay);
    }
    for (auto const& line : e.facts.overdue)
        e.failed("rotation", line, "rotate it at the provider, and write the new one to Vault");
    for (auto const& line : e.facts.soon)
        e.warned("rotation", line, "rotate it at the provider, and write the new one to Vault");
    if (e.facts.overdue.empty() && e.facts.soon.empty()) e.passed("rotation", "no login is due for rotation");
}

}   // namespace mailcore::vault_sync
