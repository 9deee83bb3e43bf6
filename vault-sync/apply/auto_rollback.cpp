#include "vault-sync/apply/auto_rollback.hpp"

#include <algorithm>

namespace mailcore::vault_sync {
namespace {

namespace events = observe::events;

// Of the deliveries that wait for authentication, one that did not before the switch.
std::optional<DeferredRecipient> refused_since(Switch const& last, Postfix const& postfix)
{
    auto const waiting = postfix.waiting_for_authentication();
    if (!waiting) return std::nullopt;
    for (auto const& recipient : *waiting) {
        if (!last.deferred_before.contains(recipient.queue_id)) return recipient;
    }
    return std::nullopt;
}

// The newest older generation whose logins that the switch changed all work now.
std::optional<std::uint64_t> find_working(Workshop& workshop, Switch const& last)
{
    auto const kept = workshop.generations->list();
    if (!kept) return std::nullopt;
    for (auto candidate = kept->rbegin(); candidate != kept->rend(); ++candidate) {
        if (candidate->number >= last.to) continue;
        auto const generation = workshop.generations->load(candidate->number);
        if (!generation) continue;
        bool works = true;
        for (auto const& relay : generation->relays) {
            bool const matters = last.relays.contains(relay.name) || relay.name == generation->routing.active;
            if (works && matters) works = workshop.prove(relay, false).kind == Proof::Kind::Works;
        }
        if (works) return candidate->number;
    }
    return std::nullopt;
}

// Remembered, so that a generation is gone back from once, and providers are not asked again and again.
void give_up(Workshop& workshop, std::uint64_t from, std::string const& words)
{
    auto const saved = workshop.states.update([&](State& state) { state.rolled_back.insert(from); });
    if (!saved) workshop.notify({&events::kStateFailed, "", saved.error().message});
    workshop.notify({&events::kRollbackImpossible, "", words});
}

bool is_due(Workshop const& workshop, State const& state)
{
    if (!state.last_switch || state.last_switch->from == 0) return false;
    return workshop.now() - state.last_switch->at <= workshop.settings.auto_rollback.window &&
           !state.rolled_back.contains(state.last_switch->to);
}

}   // namespace

std::optional<RollbackReport> roll_back_if_refused(Workshop& workshop)
{
    if (!workshop.settings.auto_rollback.enabled) return std::nullopt;
    auto const state = workshop.states.load();
    if (!state || !is_due(workshop, *state)) return std::nullopt;
    auto const current = workshop.generations->current();
    if (!current || *current != state->last_switch->to) return std::nullopt;
    auto const refused = refused_since(*state->last_switch, workshop.postfix);
    if (!refused) return std::nullopt;

    auto const why = "since generation " + std::to_string(state->last_switch->to) + " a delivery waits for authentication (" +
                     refused->delay_reason + ")";
    auto const target = find_working(workshop, *state->last_switch);
    if (!target) {
        give_up(workshop, state->last_switch->to, why + ", and no older generation's login works now");
        return std::nullopt;
    }
    auto back = roll_back(workshop, *target, true);
    if (!back) {
        give_up(workshop, state->last_switch->to, why + ", and going back failed: " + back.error().message);
        return std::nullopt;
    }
    return std::move(*back);
}

}   // namespace mailcore::vault_sync
