#include "core/rules/limit.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/base/text.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::rules {
namespace {

using mail::Action;
using mail::Address;
using mail::Request;
using mail::Verdict;

constexpr std::size_t kLongestValue = 256;   // of a bucket's key; what is longer is counted together

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }

// What others sent, as it may stand in a key: in stores, logs and JSON. No control characters, well-formed UTF-8.
void append_value(std::string& key, std::string_view value)
{
    auto room = kLongestValue;
    while (!value.empty()) {
        auto const length = base::utf8_length(value);
        auto const used = std::max<std::size_t>(length, 1);
        if (used > room) return;
        if (length == 0 || is_control(value.front())) key += '?';
        else key.append(value, 0, used);
        value.remove_prefix(used);
        room -= used;
    }
}

std::string client_of(Request const& request)
{
    return request.client_address ? request.client_address->to_string() : request.client;
}

// As patterns see it: `a+b@x` and `A+c@X` are one sender.
std::string sender_of(Address const& sender)
{
    if (sender.kind() == Address::Kind::Null) return "<>";
    auto text = std::string{sender.local().substr(0, sender.local().find('+'))};
    if (sender.kind() == Address::Kind::Mailbox) text.append("@").append(sender.domain());
    return text;
}

// Where the fact is absent: the client address, in brackets.
std::string value_of(LimitKey key, Request const& request)
{
    auto const absent = [&] { return "[" + client_of(request) + "]"; };
    switch (key) {
        case LimitKey::Tenant: break;
        case LimitKey::Client: return request.client_address ? client_of(request) : absent();
        case LimitKey::Login: return request.login.empty() ? absent() : request.login;
        case LimitKey::Sender: return request.sender.kind() == Address::Kind::Absent ? absent() : sender_of(request.sender);
    }
    return {};
}

std::uint64_t cost_of(LimitUnit unit, Request const& request)
{
    switch (unit) {
        case LimitUnit::Messages: return 1;
        case LimitUnit::Recipients: return std::max<std::uint64_t>({request.recipients.size(), request.recipient_count, 1});
        case LimitUnit::Bytes: return request.size;
    }
    return 0;
}

// What is too much at once for a warm-up only will pass when it has grown.
Outcome with_growth(Charge const& charge, Outcome const& outcome)
{
    auto const free_at = outcome.kind == Outcome::Kind::Never ? charge.limit->grown_to(charge.cost) : std::nullopt;
    return free_at ? Outcome{Outcome::Kind::Wait, *free_at} : outcome;
}

struct Refusal {
    Charge const& charge;
    Outcome outcome;

    // A message that can never pass is refused for good.
    Action action() const { return outcome.kind == Outcome::Kind::Never ? Action::Reject : charge.limit->action; }
    auto weight() const { return std::tuple{outcome.kind, action() == Action::Reject, outcome.free_at}; }
};

// Of several the first of those that weigh most: see limited().
std::optional<Refusal> heaviest_refusal(std::span<Charge const> charges, std::span<Outcome const> outcomes)
{
    std::optional<Refusal> heaviest;
    for (std::size_t i = 0; i < charges.size(); ++i) {
        if (outcomes[i].passes()) continue;
        Refusal const refusal{charges[i], with_growth(charges[i], outcomes[i])};
        if (!heaviest || heaviest->weight() < refusal.weight()) heaviest.emplace(refusal);
    }
    return heaviest;
}

// Rounded up: one second later than now at least, and never earlier than the time itself.
std::uint32_t seconds_until(base::Time time, base::Time now)
{
    auto const seconds = std::chrono::ceil<std::chrono::seconds>(time - now).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, std::numeric_limits<std::uint32_t>::max()));
}

mail::SmtpReply reply_of(Refusal const& refusal, base::Time now)
{
    auto const& [charge, outcome] = refusal;
    auto reply = mail::reply_for(refusal.action(), mail::Reason::LimitExceeded);
    reply.text = outcome.kind == Outcome::Kind::Never ? charge.limit->never_reply : charge.limit->reply;
    if (refusal.action() == Action::Defer) reply.retry_after = seconds_until(outcome.free_at, now);
    return reply;
}

std::string written(base::Time time) { return base::format_time(std::chrono::ceil<std::chrono::seconds>(time)); }

std::string told(Charge const& charge, Bucket const& bucket, base::Time now)
{
    auto const now_level = level(bucket, charge.rate, now);
    auto text = charge.limit->name + ": " + std::to_string(now_level.used) + " used, " + std::to_string(now_level.left) + " left";
    if (now_level.left == 0) text += ", next free at " + written(now_level.free_at);

    text += "; this message counts " + std::to_string(charge.cost);
    auto const outcome = with_growth(charge, judge(bucket, charge.rate, charge.cost, now));
    switch (outcome.kind) {
        case Outcome::Kind::Passes: return text;
        case Outcome::Kind::Wait: return text + " and would pass at " + written(outcome.free_at);
        case Outcome::Kind::Never: return text + " and can never pass";
    }
    return text;
}

}   // namespace

std::string_view word(LimitUnit unit)
{
    switch (unit) {
        case LimitUnit::Messages: return "messages";
        case LimitUnit::Recipients: return "recipients";
        case LimitUnit::Bytes: return "bytes";
    }
    return "";
}

std::string_view word(LimitKey key)
{
    switch (key) {
        case LimitKey::Tenant: return "tenant";
        case LimitKey::Client: return "client";
        case LimitKey::Login: return "login";
        case LimitKey::Sender: return "sender";
    }
    return "";
}

std::uint64_t Warmup::number_at(base::Time now) const
{
    auto const steps = now < from ? 0 : (now - from) / double_every;
    bool const grown_beyond = steps >= std::numeric_limits<std::uint64_t>::digits || start > (until >> steps);
    return std::min(until, grown_beyond ? until : start << steps);
}

Rate Limit::rate_at(base::Time now) const
{
    if (!warmup) return rate;
    auto const number = std::min(rate.number, warmup->number_at(now));
    return number == rate.number ? rate : Rate{number, rate.per, std::min(rate.burst, number)};
}

std::optional<base::Time> Limit::grown_to(std::uint64_t at_once) const
{
    if (!warmup || at_once > rate.burst) return std::nullopt;
    for (int step = 0; step < std::numeric_limits<std::uint64_t>::digits; ++step) {
        auto const time = warmup->from + step * warmup->double_every;
        if (rate_at(time).burst >= at_once) return time;
    }
    return std::nullopt;   // `until` is below it
}

std::string bucket_prefix(std::string_view tenant) { return std::string{tenant} + ' '; }

std::string bucket_key(std::string_view tenant, Limit const& limit, Request const& request)
{
    auto key = bucket_prefix(tenant) + limit.id;
    if (limit.key == LimitKey::Tenant) return key;
    key += ' ';
    append_value(key, value_of(limit.key, request));
    return key;
}

std::vector<Charge> charges_for(Ruleset const& ruleset, Tenant const& tenant, Request const& request, base::Time now)
{
    auto const limits = ruleset.limits_of(tenant);
    std::vector<Charge> charges;
    charges.reserve(limits.size());
    for (auto const& limit : limits) {
        charges.push_back({&limit, bucket_key(tenant.name, limit, request), limit.rate_at(now), cost_of(limit.unit, request)});
    }
    return charges;
}

Answer peek(std::span<Charge const> charges, BucketsAt const& buckets)
{
    Answer answer;
    answer.time = buckets.time;
    for (std::size_t i = 0; i < charges.size(); ++i) {
        auto const& bucket = buckets.buckets[i].bucket;
        answer.outcomes.push_back(judge(bucket, charges[i].rate, charges[i].cost, buckets.time));
        answer.buckets.push_back(bucket);
    }
    return answer;
}

Verdict limited(Verdict verdict, std::span<Charge const> charges, Answer const& answer, bool observed, base::Time now)
{
    auto const refusal = heaviest_refusal(charges, answer.outcomes);
    // What would have been refused anyway would have cost nothing, so no limit would have been asked.
    bool const would_be_refused = verdict.would == Action::Reject || verdict.would == Action::Defer;
    if (!refusal || (observed && would_be_refused)) return verdict;

    verdict.action = observed ? Action::Pass : refusal->action();
    verdict.would = observed ? refusal->action() : Action::Pass;
    verdict.reason = mail::Reason::LimitExceeded;
    verdict.rule = {};
    verdict.limit = refusal->charge.limit->name;
    verdict.reply = observed ? mail::SmtpReply{} : reply_of(*refusal, now);
    return verdict;
}

void trace_limits(Trace& trace, std::span<Charge const> charges, BucketsAt const& buckets)
{
    for (std::size_t i = 0; i < charges.size(); ++i) trace.add("limit", told(charges[i], buckets.buckets[i].bucket, buckets.time));
}

}   // namespace mailcore::rules
