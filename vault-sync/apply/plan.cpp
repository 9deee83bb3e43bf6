#include "vault-sync/apply/plan.hpp"

#include <algorithm>

namespace mailcore::vault_sync {
namespace {

bool same_login(Relay const& left, Relay const& right)
{
    return left.user == right.user && left.password == right.password;
}

void keep_former(PlannedRelay& planned, PlannedRelay::Why why, std::string words)
{
    planned.step = planned.former ? PlannedRelay::Step::Keep : PlannedRelay::Step::Missing;
    planned.why = why;
    planned.words = std::move(words);
}

bool is_held(PlanInput const& input, PlannedRelay const& planned, std::string const& value)
{
    if (!input.state.hold || !planned.former || input.force) return false;
    auto const left = input.state.hold->values.find(planned.name);
    return left != input.state.hold->values.end() && left->second.contains(value);
}

RefusedValue const* refused_before(PlanInput const& input, std::string const& relay, std::string const& value)
{
    auto const found = input.state.refused.find(relay);
    if (found == input.state.refused.end() || input.force || found->second.value != value) return nullptr;
    return input.now - found->second.at < kRefusalHolds ? &found->second : nullptr;
}

void decide_on_candidate(PlanInput const& input, PlannedRelay& planned)
{
    auto const& candidate = *planned.candidate;
    if (planned.former && same_delivery(candidate, *planned.former)) return;
    planned.is_new_value = !planned.former || !same_login(candidate, *planned.former);
    auto const value = input.fingerprints.value(candidate);
    if (is_held(input, planned, value)) {
        return keep_former(planned, PlannedRelay::Why::Held,
                           planned.name + ": held since the rollback of " + base::format_time(input.state.hold->since) +
                               "; another value, or vault-sync once --force, ends it");
    }
    if (auto const* refused = refused_before(input, planned.name, value)) {
        return keep_former(planned, PlannedRelay::Why::RefusedBefore,
                           planned.name + ": the provider refused this value at " + base::format_time(refused->at) + " (" +
                               refused->words + "); it is not tried again for an hour; vault-sync verify " + planned.name +
                               " tries it now");
    }
    planned.step = input.settings.verify.before_switch ? PlannedRelay::Step::Prove : PlannedRelay::Step::Take;
}

PlannedRelay plan_relay(PlanInput const& input, std::string const& name)
{
    PlannedRelay planned;
    planned.name = name;
    auto const& gathered = input.gathered.at(name);
    if (gathered.relay) planned.candidate = gathered.relay->copy();
    if (input.former != nullptr) {
        if (auto const* former = find_relay(input.former->relays, name)) planned.former = former->copy();
    }
    if (planned.candidate) {
        decide_on_candidate(input, planned);
        return planned;
    }
    keep_former(planned, PlannedRelay::Why::Trouble, gathered.complaint);
    return planned;
}

// The configuration may have lost a relay since.
bool is_possible(Routing const& routing, Settings const& settings)
{
    auto const exists = [&](std::string const& relay) { return settings.relay(relay) != nullptr; };
    auto const leads_somewhere = [&](auto const& entry) { return exists(entry.second); };
    return exists(routing.active) && std::all_of(routing.fallback.begin(), routing.fallback.end(), exists) &&
           std::all_of(routing.routes.begin(), routing.routes.end(), leads_somewhere) &&
           std::all_of(routing.transports.begin(), routing.transports.end(), leads_somewhere);
}

void plan_routing(PlanInput const& input, Plan& plan)
{
    plan.routing = wanted_routing(input.settings, input.state);
    if (input.former == nullptr) {
        plan.routing_changes = true;
        return;
    }
    bool const is_held = input.state.hold && !input.force && !input.routing_is_chosen && plan.routing != input.former->routing &&
                         is_possible(input.former->routing, input.settings) &&
                         input.state.hold->routings.contains(input.fingerprints.routing(plan.routing));
    if (is_held) {
        plan.routing = input.former->routing;
        plan.routing_is_held = true;
    }
    plan.routing_changes = plan.routing != input.former->routing;
}

}   // namespace

Relay const* PlannedRelay::wanted() const
{
    switch (step) {
        case Step::Same:
        case Step::Prove:
        case Step::Take: return candidate ? &*candidate : nullptr;
        case Step::Keep: return former ? &*former : nullptr;
        case Step::Missing: return nullptr;
    }
    return nullptr;
}

bool Plan::changes_anything() const
{
    if (routing_changes || map_type_changes || !dropped.empty()) return true;
    return std::any_of(relays.begin(), relays.end(), [](PlannedRelay const& relay) {
        return relay.step == PlannedRelay::Step::Prove || relay.step == PlannedRelay::Step::Take;
    });
}

Plan make_plan(PlanInput const& input)
{
    Plan plan;
    for (auto const& relay : input.settings.relays) plan.relays.push_back(plan_relay(input, relay.name.value));
    if (input.former != nullptr) {
        for (auto const& relay : input.former->relays) {
            if (input.settings.relay(relay.name) == nullptr) plan.dropped.push_back(relay.name);
        }
        plan.map_type_changes = input.former->map_type != input.map_type;
    }
    plan_routing(input, plan);
    return plan;
}

std::string active_relay(Settings const& settings, State const& state)
{
    bool const is_set = !state.active.empty() && settings.relay(state.active) != nullptr;
    return is_set ? state.active : settings.active.value;
}

Routing wanted_routing(Settings const& settings, State const& state)
{
    Routing routing;
    routing.active = active_relay(settings, state);
    for (auto const& relay : settings.fallback) {
        if (relay.value != routing.active) routing.fallback.push_back(relay.value);   // `use` may have made it the active one
    }
    for (auto const& [sender, relay] : settings.routes) routing.routes.emplace(sender, relay.value);
    for (auto const& [domain, relay] : settings.transports) routing.transports.emplace(domain, relay.value);
    return routing;
}

bool is_named(Routing const& routing, std::string_view relay)
{
    auto const names_it = [&](auto const& entry) { return entry.second == relay; };
    return routing.active == relay || std::find(routing.fallback.begin(), routing.fallback.end(), relay) != routing.fallback.end() ||
           std::any_of(routing.routes.begin(), routing.routes.end(), names_it) ||
           std::any_of(routing.transports.begin(), routing.transports.end(), names_it);
}

}   // namespace mailcore::vault_sync
