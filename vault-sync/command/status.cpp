#include <iostream>

#include "core/base/text.hpp"
#include "core/run/print.hpp"
#include "vault-sync/apply/age.hpp"
#include "vault-sync/command/commands.hpp"
#include "vault-sync/command/session.hpp"
#include "vault-sync/command/show.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

// Everything that status shows, gathered without asking Vault or any provider.
struct Facts {
    State state;
    std::optional<Generation> generation;
    std::vector<SecretAge> ages;
    Session* session;
};

base::Result<Facts> look(Session& session)
{
    Facts facts{{}, {}, {}, &session};
    auto state = session.workshop().states.load();
    if (!state) return base::fail(state.error());
    facts.state = std::move(*state);
    auto generation = session.workshop().generations->load_current();
    if (!generation) return base::fail(generation.error());
    facts.generation = std::move(*generation);
    facts.ages = ages(session.settings(), facts.state, session.workshop().now());
    return facts;
}

SecretAge const* age_of(Facts const& facts, std::string const& relay)
{
    for (auto const& age : facts.ages) {
        if (age.relay == relay) return &age;
    }
    return nullptr;
}

json relay_status(Facts const& facts, Relay const& relay)
{
    auto object = relay_json(relay);
    object["fingerprint"] = facts.session->workshop().fingerprints->short_form(relay);
    auto const* const age = age_of(facts, relay.name);
    object["age_days"] = age != nullptr ? json(age->days) : json();
    object["limit_days"] = age != nullptr ? json(age->limit_days) : json();
    object["overdue"] = age != nullptr && age->is_overdue;
    auto const known = facts.state.secrets.find(relay.name);
    object["verified"] = known == facts.state.secrets.end() ? "" : known->second.verified;
    return object;
}

json hold_json(State const& state)
{
    if (!state.hold) return {};
    auto relays = json::array();
    for (auto const& [relay, values] : state.hold->values) relays.push_back(relay);
    return {{"since", base::format_time(state.hold->since)}, {"left", state.hold->left}, {"automatic", state.hold->automatic},
            {"relays", relays}, {"routing", !state.hold->routings.empty()}};
}

json status_json(Facts const& facts)
{
    auto relays = json::object();
    if (facts.generation) {
        for (auto const& relay : facts.generation->relays) relays[relay.name] = relay_status(facts, relay);
    }
    auto const& routing = facts.generation ? facts.generation->routing : wanted_routing(facts.session->settings(), facts.state);
    return {{"generation", facts.generation ? facts.generation->number : 0},
            {"created", facts.generation ? json(base::format_time(facts.generation->created)) : json()},
            {"active", routing.active}, {"fallback", routing.fallback}, {"source", facts.state.source},
            {"held", facts.state.hold.has_value()}, {"hold", hold_json(facts.state)},
            {"reload_owed", facts.state.reload_owed.has_value()},
            {"last_success", facts.state.last_success ? json(base::format_time(*facts.state.last_success)) : json()},
            {"complaints", facts.state.complaints}, {"relays", relays}};
}

void show_lines(Facts const& facts)
{
    auto const& state = facts.state;
    print_line("generation", facts.generation ? std::to_string(facts.generation->number) + ", made " + base::format_time(facts.generation->created)
                                        : "none yet; vault-sync once makes the first");
    auto const& routing = facts.generation ? facts.generation->routing : wanted_routing(facts.session->settings(), state);
    std::string fallback;
    for (auto const& relay : routing.fallback) fallback += (fallback.empty() ? ", fallback " : ", ") + relay;
    print_line("active", routing.active + (state.active.empty() ? "" : " (by vault-sync use)") + fallback);
    print_line("source", state.source.empty() ? "-" : state.source);
    print_line("last success", state.last_success ? base::format_time(*state.last_success) : "never");
    if (state.hold) {
        print_line("held", "since " + base::format_time(state.hold->since) + (state.hold->automatic ? ", by an automatic rollback" : ", by a rollback") +
                         " from generation " + std::to_string(state.hold->left));
    }
    if (state.reload_owed) print_line("reload", "owed: Postfix has not taken generation " + std::to_string(*state.reload_owed) + " over yet");
}

std::string age_words(SecretAge const& age)
{
    return std::to_string(age.days) + " of " + std::to_string(age.limit_days) + " days old" +
           (age.is_overdue ? ", OVERDUE" : age.is_soon ? ", to be rotated soon" : "");
}

// Two lines each: hosts of providers are long.
void show_relay(Facts const& facts, Relay const& relay)
{
    auto const user = relay.has_login() ? "as " + base::printable(relay.shown_user()) : "without login";
    print_line(relay.name, host_and_port(relay) + ", " + std::string{word(relay.tls)} + ", " + user);
    std::string second{word(relay.source)};
    if (relay.version != 0) second += " version " + std::to_string(relay.version);
    auto const known = facts.state.secrets.find(relay.name);
    if (known != facts.state.secrets.end() && !known->second.verified.empty()) second += ", last proof: " + known->second.verified;
    if (auto const* const age = age_of(facts, relay.name)) second += ", " + age_words(*age);
    print_line("", second);
}

void show_relays(Facts const& facts)
{
    if (!facts.generation) return;
    std::cout << '\n';
    for (auto const& relay : facts.generation->relays) show_relay(facts, relay);
}

}   // namespace

int status(Common const& common)
{
    StopSwitch stop;
    auto session = Session::open(common.config, "status", stop);
    if (!session) return complain(session.error());
    if (auto opened = (*session)->open_output(); !opened) return complain(opened.error());
    auto const facts = look(**session);
    if (!facts) return complain(facts.error());
    if (common.json) {
        run::print_json(status_json(*facts));
    } else {
        show_lines(*facts);
        show_relays(*facts);
        for (auto const& [relay, complaint] : facts->state.complaints) std::cout << (&relay == &facts->state.complaints.begin()->first ? "\n" : "") << complaint << '\n';
    }
    return any_overdue(facts->ages) ? 13 : 0;
}

}   // namespace mailcore::vault_sync
