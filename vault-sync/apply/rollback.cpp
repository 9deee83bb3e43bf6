#include <algorithm>

#include "vault-sync/apply/pass.hpp"
#include "vault-sync/apply/switch.hpp"

namespace mailcore::vault_sync {
namespace {

base::Result<std::uint64_t> choose_target(std::vector<GenerationSummary> const& kept, std::uint64_t current, std::uint64_t wanted)
{
    std::string names;
    std::uint64_t before = 0;
    for (auto const& generation : kept) {
        if (generation.number == current) continue;
        names += (names.empty() ? "" : ", ") + std::to_string(generation.number);
        if (generation.number < current) before = std::max(before, generation.number);
        if (generation.number == wanted) return wanted;
    }
    if (wanted == current) return base::fail("generation " + std::to_string(wanted) + " is the current one");
    if (wanted != 0) {
        return base::fail("there is no generation " + std::to_string(wanted) + "; kept are " + (names.empty() ? "no others" : names));
    }
    if (before == 0) return base::fail("there is no older generation to go back to; vault-sync generations lists them");
    return before;
}

// What is left: not taken again until Vault, or the configuration, has something else.
void hold(Hold& hold, Workshop const& workshop, State const& state, Generation const& left, Generation const& target)
{
    for (auto const& relay : left.relays) {
        auto const value = workshop.fingerprints->value(relay);
        auto const* const older = find_relay(target.relays, relay.name);
        bool const differs = older == nullptr || workshop.fingerprints->value(*older) != value;
        if (differs) hold.values[relay.name].insert(value);
    }
    for (auto const& routing : {left.routing, wanted_routing(workshop.settings, state)}) {
        if (routing != target.routing) hold.routings.insert(workshop.fingerprints->routing(routing));
    }
}

}   // namespace

base::Result<RollbackReport> roll_back(Workshop& workshop, std::uint64_t wanted, bool automatic)
{
    auto& generations = *workshop.generations;
    auto lock = workshop.states.lock();
    if (!lock) return base::fail(lock.error());
    generations.remove_leftovers();
    auto state = workshop.states.load();
    if (!state) return base::fail(state.error());
    auto const current = generations.current();
    if (!current) return base::fail(current.error());
    if (!*current) return base::fail("there is no generation yet; run vault-sync once");
    bool const is_as_seen = state->last_switch && state->last_switch->to == **current;
    if (automatic && !is_as_seen) return base::fail("somebody else has switched in between");
    auto const kept = generations.list();
    if (!kept) return base::fail(kept.error());
    auto const number = choose_target(*kept, **current, wanted);
    if (!number) return base::fail(number.error());
    auto target = generations.load(*number);
    if (!target) return base::fail(target.error());
    auto left = generations.load(**current);
    if (!left) return base::fail(left.error());
    if (!Switcher{workshop, *state}.settle()) return base::fail("Postfix still owes a reload and refuses it; nothing was switched");

    if (automatic) state->rolled_back.insert(left->number);
    state->active = target->routing.active == workshop.settings.active.value ? "" : target->routing.active;
    if (!state->hold) state->hold.emplace();
    hold(*state->hold, workshop, *state, *left, *target);
    state->hold->left = left->number;
    state->hold->since = workshop.now();
    state->hold->automatic = automatic;
    state->last_switch.reset();
    state->flush_owed = true;
    for (auto const& relay : target->relays) {   // ages go with the values
        auto& known = state->secrets[relay.name];
        if (auto const credential = workshop.fingerprints->credential(relay); known.credential != credential) {
            known = {credential, target->created, {}, {}, std::string{word(relay.source)}, relay.path, relay.version, relay.has_login(), ""};
        }
    }
    RollbackReport report{left->number, target->number, target->routing.active, false};
    auto const switched = Switcher{workshop, *state}.switch_to(*target, std::move(*left));
    auto const now_current = generations.current();
    if (!switched && !(now_current && *now_current == *number)) return base::fail(switched.error());
    report.reload_failed = !switched;
    workshop.notify({automatic ? &observe::events::kRolledBack : &observe::events::kRolledBackByHand, "",
                     "back from generation " + std::to_string(report.left) + " to " + std::to_string(report.generation) +
                         (automatic ? ", since deliveries were refused for authentication" : "") + "; what was left is held"});
    return report;
}

}   // namespace mailcore::vault_sync
