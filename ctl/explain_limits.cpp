#include "ctl/explain_limits.hpp"

#include "core/base/duration.hpp"
#include "core/rules/limit.hpp"

namespace mailcore::ctl {
namespace {

using base::Result;
using mail::Action;
using mail::Verdict;
using nlohmann::json;

constexpr auto kVerdict = "verdict";

// As decide() tells it.
std::string verdict_words(Verdict const& verdict)
{
    auto text = std::string{word(verdict.action)} + ", " + std::string{word(verdict.reason)};
    if (verdict.would != Action::Pass) text += " (observed; would " + std::string{word(verdict.would)} + ")";
    return verdict.reply.code.empty() ? text : text + ": " + mail::to_string(verdict.reply);
}

base::Time time_of(std::int64_t micros) { return base::Time{std::chrono::microseconds{micros}}; }

rules::KeyedBucket bucket_of(json const& entry)
{
    return {entry.at("key").get<std::string>(),
            {.micros = entry.at("micros").get<std::int64_t>(), .parts = entry.at("parts").get<std::uint64_t>(),
             .number = entry.at("number").get<std::uint64_t>(), .run = entry.at("run").get<std::int64_t>(),
             .taken = entry.at("taken").get<std::uint64_t>(), .returned = entry.at("returned").get<std::uint64_t>()}};
}

Result<rules::BucketsAt> read_buckets(Desk& desk, std::vector<rules::Charge> const& charges)
{
    rules::BucketsAt buckets{base::now(), {}};
    if (desk.is_untouched()) {
        for (auto const& charge : charges) buckets.buckets.push_back({charge.key, {}});
        return buckets;
    }
    json request{{"command", "buckets"}, {"keys", json::array()}};
    for (auto const& charge : charges) request["keys"].push_back(charge.key);
    auto const answer = desk.ask(request);
    if (!answer) return base::fail(answer.error());
    try {
        buckets.time = time_of(answer->at("time").get<std::int64_t>());
        for (auto const& entry : answer->at("buckets")) buckets.buckets.push_back(bucket_of(entry));
    } catch (json::exception const& failure) {
        return base::fail(std::string{"the daemon's answer cannot be read: "} + failure.what());
    }
    if (buckets.buckets.size() != charges.size()) return base::fail("the daemon's answer lacks counters");
    return buckets;
}

}   // namespace

Result<rules::Suspensions> current_suspensions(Desk& desk)
{
    rules::Suspensions suspensions;
    if (desk.is_untouched()) return suspensions;
    auto const answer = desk.ask({{"command", "suspensions"}});
    if (!answer) return base::fail(answer.error());
    for (auto const& entry : answer->value("suspensions", json::array())) {
        auto const since = base::parse_time(entry.value("since", "")).value_or(base::Time{});
        suspensions.merge(entry.value("tenant", ""), {true, since, entry.value("reason", "")});
    }
    return suspensions;
}

Verdict with_limits(Desk& desk, rules::Ruleset const& ruleset, mail::Request const& request, Verdict const& verdict,
                    std::optional<base::Time> at, rules::Trace& trace)
{
    bool const lets_pass = verdict.action == Action::Pass || verdict.action == Action::Hold;
    auto const* const tenant = lets_pass && !request.local ? ruleset.find_tenant(verdict.tenant) : nullptr;
    if (tenant == nullptr || ruleset.limits_of(*tenant).empty()) return verdict;

    auto const charges = rules::charges_for(ruleset, *tenant, request, at.value_or(base::now()));
    auto buckets = read_buckets(desk, charges);
    if (!buckets) {
        add_before_verdict(trace, "limit", "not asked: " + buckets.error().message);
        return verdict;
    }
    if (at && *at < buckets->time) {
        add_before_verdict(trace, "limit", "not asked: the counters know no past");
        return verdict;
    }
    if (at) buckets->time = *at;
    bool const observed = ruleset.terms[tenant->terms].mode == rules::Mode::Observe;
    auto const after = rules::limited(verdict, charges, rules::peek(charges, *buckets), observed, buckets->time);
    if (!trace.steps.empty() && trace.steps.back().step == kVerdict) trace.steps.pop_back();
    rules::trace_limits(trace, charges, *buckets);
    trace.add(kVerdict, verdict_words(after));
    return after;
}

Result<base::Time> parse_at(std::string_view text, base::Time now)
{
    bool const is_distance = text.starts_with('+') || text.starts_with('-');
    auto const distance = is_distance ? base::parse_duration(text.substr(1)) : base::fail("");
    if (distance) return text.front() == '+' ? now + *distance : now - *distance;
    if (auto const time = base::parse_time(text)) return *time;
    return base::fail("--at: \"" + std::string{text} + "\" is neither a time (2026-11-22T05:00:00Z, 2026-11-22) nor a distance "
                      "from now (+10m, -1h)", base::ErrorKind::Usage);
}

void add_before_verdict(rules::Trace& trace, std::string step, std::string text)
{
    bool const ends_in_verdict = !trace.steps.empty() && trace.steps.back().step == kVerdict;
    trace.steps.insert(trace.steps.end() - (ends_in_verdict ? 1 : 0), {std::move(step), std::move(text)});
}

}   // namespace mailcore::ctl
