#include "core/gate/meter.hpp"

#include "core/rules/decide.hpp"

namespace mailcore::gate {
namespace {

using mail::Request;
using mail::Stage;
using mail::Verdict;
using rules::Ruleset;
using rules::Tenant;

bool lets_pass(Verdict const& verdict)
{
    return verdict.action == mail::Action::Pass || verdict.action == mail::Action::Hold;
}

// The tenant whose limits apply; null: nobody's do. Local mail and mail without one tenant are not counted.
Tenant const* tenant_with_limits(Ruleset const& ruleset, Verdict const& verdict)
{
    if (!ruleset.has_limits || verdict.tenant.empty()) return nullptr;
    auto const* const tenant = ruleset.find_tenant(verdict.tenant);
    return tenant == nullptr || ruleset.limits_of(*tenant).empty() ? nullptr : tenant;
}

bool is_observed(Ruleset const& ruleset, Tenant const& tenant)
{
    return ruleset.terms[tenant.terms].mode == rules::Mode::Observe;
}

std::vector<std::string> keys_of(std::span<rules::Charge const> charges)
{
    std::vector<std::string> keys;
    keys.reserve(charges.size());
    for (auto const& charge : charges) keys.push_back(charge.key);
    return keys;
}

// A message whose DATA takes longer is counted by the milter at its end.
constexpr std::chrono::minutes kUnclaimed{10};
constexpr std::size_t kGivenBackAtOnce = 20;

// So that one give-back serves both. Counted by two stores, of which one was away meanwhile: what the second has stays there.
rules::Receipt joined(rules::Receipt noted, rules::Receipt const& more)
{
    if (more.store == noted.store) noted.parts.insert(noted.parts.end(), more.parts.begin(), more.parts.end());
    return noted;
}

}   // namespace

Verdict Meter::at_policy(Ruleset const& ruleset, Request const& request, Verdict const& verdict, bool is_new_message, base::Time now)
{
    bool const at_data = request.stage == Stage::Data;
    bool const counts = at_data && options_.policy_counts;
    if (counts) given_up(request.queue_id, now);   // its DATA was refused by somebody behind us, and comes again
    bool const peeks = is_new_message && (at_data || request.stage == Stage::Rcpt);
    auto const* const tenant = (counts || peeks) && lets_pass(verdict) ? tenant_with_limits(ruleset, verdict) : nullptr;
    if (tenant == nullptr) return verdict;
    if (!counts) return peek(ruleset, *tenant, request, verdict, now);

    rules::Receipt receipt;
    auto const counted = count(What::ButBytes, ruleset, *tenant, request, verdict, now, receipt);
    if (receipt.empty() || request.queue_id.empty() || note(request.queue_id, receipt, now)) return counted;
    give_back(receipt, now);   // the milter would count the message again
    return after_failure(verdict);
}

Verdict Meter::at_mail(Ruleset const& ruleset, Request const& request, Verdict const& verdict, base::Time now)
{
    auto const* const tenant = options_.policy_counts && lets_pass(verdict) ? tenant_with_limits(ruleset, verdict) : nullptr;
    return tenant == nullptr ? verdict : peek(ruleset, *tenant, request, verdict, now);
}

// The policy daemon cannot count where a claim, or the header From, must tell the tenant first, nor while it is away. What
// it has left no note of is counted here. Notes are looked for whatever count_at says here: the policy daemon may have been
// started with another one.
Verdict Meter::at_end(Ruleset const& ruleset, Request const& request, Verdict const& verdict, base::Time now, rules::Receipt& receipt)
{
    if (request.local) return verdict;
    auto noted = take_note(request.queue_id, now);
    auto const* const tenant = lets_pass(verdict) ? tenant_with_limits(ruleset, verdict) : nullptr;
    auto const what = noted.empty() ? What::All : What::BytesOnly;
    auto const counted = tenant == nullptr ? verdict : count(what, ruleset, *tenant, request, verdict, now, receipt);
    if (noted.empty()) return counted;
    if (!lets_pass(counted)) give_back(noted, now);
    else receipt = joined(std::move(noted), receipt);   // should the milter's own edits fail
    return counted;
}

void Meter::given_up(std::string_view queue_id, base::Time now)
{
    auto receipt = take_note(queue_id, now);
    give_back(receipt, now);
}

void Meter::keep(Ruleset const& ruleset, base::Time now)
{
    give_back_unclaimed(now);
    renew_fills(ruleset, now);
}

void Meter::give_back_unclaimed(base::Time now)
{
    auto const notes = receipts_.take_older(now - kUnclaimed, kGivenBackAtOnce);
    if (!notes) return;   // messages under way tell of it
    for (auto const& note : *notes) {
        auto receipt = store::receipt_of_note(note).value_or(rules::Receipt{});
        give_back(receipt, now);
    }
}

// What is shown was true at the last count. Since then somebody may have reset the limit, or given back, or have counted on
// another host.
void Meter::renew_fills(Ruleset const& ruleset, base::Time now)
{
    std::vector<Tenant const*> tenants;
    std::vector<rules::Charge> charges;
    for (auto const& fill : metrics_.limits().fills(now)) {
        auto const* const tenant = ruleset.find_tenant(fill.tenant);
        if (tenant == nullptr) continue;
        for (auto const& limit : ruleset.limits_of(*tenant)) {
            if (limit.name != fill.limit) continue;
            tenants.push_back(tenant);
            charges.push_back({.limit = &limit, .key = rules::bucket_prefix(tenant->name) + limit.id, .rate = limit.rate_at(now)});
        }
    }
    if (charges.empty()) return;
    auto const found = store_.read(keys_of(charges), now);
    for (std::size_t i = 0; found && i < charges.size(); ++i) {
        show_fills(*tenants[i], {&charges[i], 1}, {&found->buckets[i].bucket, 1}, found->time);
    }
}

void Meter::give_back(rules::Receipt& receipt, base::Time now)
{
    if (receipt.empty()) return;
    // A store that fails has said so; what it counted stays counted, which lets too little pass rather than too much.
    if (store_.give_back(receipt, now)) metrics_.limits().count_given_back();
    receipt = {};
}

Verdict Meter::peek(Ruleset const& ruleset, Tenant const& tenant, Request const& request, Verdict const& verdict, base::Time now)
{
    auto const charges = rules::charges_for(ruleset, tenant, request, now);
    auto const buckets = store_.read(keys_of(charges), now);
    if (!buckets) return after_failure(verdict);
    return rules::limited(verdict, charges, rules::peek(charges, *buckets), is_observed(ruleset, tenant), buckets->time);
}

Verdict Meter::count(What what, Ruleset const& ruleset, Tenant const& tenant, Request const& request, Verdict const& verdict, base::Time now,
                     rules::Receipt& receipt)
{
    auto charges = rules::charges_for(ruleset, tenant, request, now);
    std::erase_if(charges, [what](rules::Charge const& charge) {
        bool const is_bytes = charge.limit->unit == rules::LimitUnit::Bytes;
        return what == What::ButBytes ? is_bytes : what == What::BytesOnly && !is_bytes;
    });
    if (charges.empty()) return verdict;
    auto answer = store_.take(charges, now);
    if (!answer) return after_failure(verdict);
    if (answer->uncounted > 0 && options_.defer_on_error) {   // the store is full; what was counted comes again with the message
        static_cast<void>(store_.give_back(answer->receipt, now));
        return after_failure(verdict);
    }
    show_fills(tenant, charges, answer->buckets, answer->time);
    receipt = std::move(answer->receipt);
    return rules::limited(verdict, charges, *answer, is_observed(ruleset, tenant), answer->time);
}

Verdict Meter::after_failure(Verdict const& verdict) const
{
    if (!options_.defer_on_error) return verdict;
    auto failure = rules::own_failure(rules::OnError::Defer);
    failure.tenant = verdict.tenant;
    failure.ticket = verdict.ticket;
    return failure;
}

bool Meter::note(std::string_view queue_id, rules::Receipt const& receipt, base::Time now)
{
    auto const noted = receipts_.put(queue_id, store::receipt_as_note(receipt), now);
    if (!noted && receipts_fail_.lasts(now)) log_.write(observe::events::kLimitReceiptFailed, {{"error", noted.error().message}, {"queue_id", queue_id}});
    return noted.has_value();
}

rules::Receipt Meter::take_note(std::string_view queue_id, base::Time now)
{
    bool const is_empty = !options_.policy_counts && receipts_.size() == 0;   // which costs less to see than to take
    if (queue_id.empty() || is_empty) return {};
    auto const note = receipts_.take(queue_id);
    if (!note && receipts_fail_.lasts(now)) log_.write(observe::events::kLimitReceiptFailed, {{"error", note.error().message}, {"queue_id", queue_id}});
    if (!note || !*note) return {};
    return store::receipt_of_note(**note).value_or(rules::Receipt{});
}

void Meter::show_fills(Tenant const& tenant, std::span<rules::Charge const> charges, std::span<rules::Bucket const> buckets,
                       base::Time now)
{
    for (std::size_t i = 0; i < charges.size() && i < buckets.size(); ++i) {
        auto const& charge = charges[i];
        if (charge.limit->key != rules::LimitKey::Tenant) continue;   // by sender or client there may be millions
        auto const level = rules::level(buckets[i], charge.rate, now);
        auto const fill = static_cast<double>(level.used) / static_cast<double>(charge.rate.burst);
        metrics_.limits().set_fill(tenant.name, charge.limit->name, {fill, now, level.empty_at});
    }
}

}   // namespace mailcore::gate
