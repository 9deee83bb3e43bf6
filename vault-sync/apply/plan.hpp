// What a pass would do, as a value: from what the sources gave, what Postfix uses and what is remembered. Pure; `diff`
// prints it, a pass carries it out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "vault-sync/apply/fingerprint.hpp"
#include "vault-sync/apply/gather.hpp"
#include "vault-sync/apply/state.hpp"
#include "vault-sync/maps/generation.hpp"

namespace mailcore::vault_sync {

struct PlannedRelay {
    enum class Step {
        Same,      // as Postfix uses it
        Prove,     // new or changed: to be proved before it is taken
        Take,      // new or changed, and taken as it is (verify.before_switch is off)
        Keep,      // the newest value is not taken; what Postfix uses stays
        Missing,   // there is no value at all
    };
    enum class Why { None, Trouble, Held, RefusedBefore };

    std::string name;
    Step step = Step::Same;
    Why why = Why::None;
    std::string words;                // one line for Keep and Missing, "" otherwise
    std::optional<Relay> candidate;   // the newest value, where there is one
    std::optional<Relay> former;      // what Postfix uses, where there is one
    bool is_new_value = false;        // the login itself is new, not only host, TLS or trust

    Relay const* wanted() const;      // what would be rendered if all proofs succeed; null for Missing
};

struct Plan {
    std::vector<PlannedRelay> relays;    // in the order of the configuration
    std::vector<std::string> dropped;    // relays that Postfix uses and the configuration no longer has
    Routing routing;
    bool routing_is_held = false;
    bool routing_changes = false;
    bool map_type_changes = false;

    bool changes_anything() const;
};

struct PlanInput {
    Settings const& settings;
    State const& state;
    GatheredRelays const& gathered;
    Generation const* former = nullptr;   // null: there is none yet
    Fingerprints const& fingerprints;
    std::string map_type;
    base::Time now;
    bool force = false;                   // takes what is held, tries what was refused
    bool routing_is_chosen = false;       // by `use`, now: a hold does not stand against it
};

Plan make_plan(PlanInput const& input);

// The active relay: as `use` set it, if the configuration still has it; else as configured.
std::string active_relay(Settings const& settings, State const& state);
Routing wanted_routing(Settings const& settings, State const& state);

// Relays that routing names: without a value of one of them nothing can be rendered.
bool is_named(Routing const& routing, std::string_view relay);

}   // namespace mailcore::vault_sync
