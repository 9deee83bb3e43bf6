#include <iostream>

#include "core/base/text.hpp"
#include "core/run/print.hpp"
#include "vault-sync/command/commands.hpp"
#include "vault-sync/command/session.hpp"
#include "vault-sync/command/show.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

std::string change_word(PlannedRelay const& relay)
{
    switch (relay.step) {
        case PlannedRelay::Step::Same: return "same";
        case PlannedRelay::Step::Prove:
        case PlannedRelay::Step::Take: return relay.former ? "change" : "new";
        case PlannedRelay::Step::Keep: return relay.why == PlannedRelay::Why::Held ? "held" : "keep";
        case PlannedRelay::Step::Missing: return "missing";
    }
    return "";
}

// "old -> new", or the one where they agree.
std::string from_to(std::string const& former, std::string const& wanted)
{
    if (former == wanted || former.empty()) return wanted.empty() ? "-" : wanted;
    return former + " -> " + wanted;
}

void show_relay(PlannedRelay const& relay, Fingerprints const& fingerprints)
{
    auto const* const wanted = relay.wanted();
    auto const* const former = relay.former ? &*relay.former : nullptr;
    auto const both = [&](auto shown) {
        return from_to(former != nullptr ? shown(*former) : "", wanted != nullptr ? shown(*wanted) : "");
    };
    print_line(relay.name, change_word(relay));
    print_line("  host", both([](Relay const& r) { return host_and_port(r) + ", " + std::string{word(r.tls)}; }));
    print_line("  user", both([](Relay const& r) { return base::printable(r.shown_user()); }));
    print_line("  fingerprint", both([&](Relay const& r) { return fingerprints.short_form(r); }));
    bool const is_told = relay.why == PlannedRelay::Why::Trouble;   // on standard error
    if (!relay.words.empty() && !is_told) print_line("", relay.words);
}

json side(Relay const* relay, Fingerprints const& fingerprints)
{
    if (relay == nullptr) return {};
    auto object = relay_json(*relay);
    object["fingerprint"] = fingerprints.short_form(*relay);
    return object;
}

json routing_json(Routing const& routing)
{
    return {{"active", routing.active}, {"fallback", routing.fallback}, {"routes", routing.routes}, {"transports", routing.transports}};
}

// A relay that mail is sent to and that has no value: nothing can be rendered then. "" = there is none.
std::string missing_relay(Plan const& plan)
{
    for (auto const& relay : plan.relays) {
        if (relay.wanted() == nullptr && is_named(plan.routing, relay.name)) return relay.name;
    }
    return "";
}

void show_json(Plan const& plan, Generation const* former, Fingerprints const& fingerprints)
{
    auto relays = json::object();
    for (auto const& relay : plan.relays) {
        relays[relay.name] = {{"change", change_word(relay)}, {"words", relay.words},
                              {"from", side(relay.former ? &*relay.former : nullptr, fingerprints)}, {"to", side(relay.wanted(), fingerprints)}};
    }
    run::print_json({{"changes", plan.changes_anything() && missing_relay(plan).empty()}, {"relays", relays}, {"dropped", plan.dropped},
                     {"routing", {{"from", former != nullptr ? routing_json(former->routing) : json()}, {"to", routing_json(plan.routing)}}}});
}

void show_text(Plan const& plan, Generation const* former, Fingerprints const& fingerprints)
{
    for (auto const& relay : plan.relays) show_relay(relay, fingerprints);
    for (auto const& name : plan.dropped) print_line(name, "dropped");
    if (plan.routing_changes && former != nullptr) {
        std::cout << "\nrouting changes: active " << from_to(former->routing.active, plan.routing.active) << '\n';
    }
    if (plan.map_type_changes) std::cout << "\nthe maps will be of another type\n";
    if (auto const missing = missing_relay(plan); !missing.empty()) {
        std::cout << "\nvault-sync once would switch nothing: mail is sent to relay " << missing << ", and there is\nno value for it.\n";
        return;
    }
    std::cout << (plan.changes_anything() ? "\nvault-sync once would make a new generation of this, after proving what changes.\n"
                                          : "\nNothing would change.\n");
}

}   // namespace

int diff(Common const& common)
{
    StopSwitch stop;
    auto opened = Session::open(common.config, "diff", stop);
    if (!opened) return complain(opened.error());
    auto& session = **opened;
    if (auto output = session.open_output(); !output) return complain(output.error());
    auto& workshop = session.workshop();
    auto const state = workshop.states.load();
    if (!state) return complain(state.error());
    auto const loaded = workshop.generations->load_current();
    if (!loaded) return complain(loaded.error());
    auto const& former = *loaded;
    static std::vector<Relay> const kNone;
    auto const gathered = gather(session.settings(), active_relay(session.settings(), *state), former ? former->relays : kNone, workshop.sources);
    PassReport report;   // for the exit code
    for (auto const& [name, one] : gathered) {
        if (one.trouble == Trouble::None) continue;
        complain({one.complaint});
        count_trouble(report, one, workshop.sources);
    }
    auto const plan = make_plan({session.settings(), *state, gathered, former ? &*former : nullptr, *workshop.fingerprints,
                                 workshop.generations->map_type(), workshop.now()});
    report.changed = plan.changes_anything() && missing_relay(plan).empty();
    auto const* const generation = former ? &*former : nullptr;
    if (common.json) show_json(plan, generation, *workshop.fingerprints);
    else show_text(plan, generation, *workshop.fingerprints);
    if (auto* const vault = session.vault()) vault->revoke_own_token();
    return exit_code(report, common.detailed, false);
}

}   // namespace mailcore::vault_sync
