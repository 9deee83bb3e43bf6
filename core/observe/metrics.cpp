#include "core/observe/metrics.hpp"

#include <bit>
#include <limits>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <vector>

#include "core/observe/metric_family.hpp"
#include "core/observe/page_server.hpp"
#include "core/observe/sync_metrics.hpp"

namespace mailcore::observe {
namespace {

constexpr FamilyRow kBuildInfo{"mailcore_build_info", MetricType::Gauge, "daemon, version", "Always 1; says what runs."};
constexpr FamilyRow kDecisions{"mailcore_decisions_total", MetricType::Counter, "action, reason",
                               "Decisions taken, by what was done and why."};
constexpr FamilyRow kObserved{"mailcore_observed_total", MetricType::Counter, "reason",
                              "Mail that passed only because of observe mode, by what it would have been refused for."};
constexpr FamilyRow kSeconds{"mailcore_decision_seconds", MetricType::Histogram, "",
                             "Time from having read a request to having its verdict, in seconds."};
constexpr FamilyRow kForged{"mailcore_forged_headers_removed_total", MetricType::Counter, "",
                            "Claim and stamp headers removed besides the claims taken."};
constexpr FamilyRow kUnreadable{"mailcore_unreadable_requests_total", MetricType::Counter, "",
                                "Requests that broke the protocol; their connections were closed without a reply."};
constexpr FamilyRow kReloads{"mailcore_reloads_total", MetricType::Counter, "result",
                             "Reloads of the configuration; a failed one keeps the old rules."};
constexpr FamilyRow kTenants{"mailcore_tenants", MetricType::Gauge, "", "Tenants in the rules in force."};
constexpr FamilyRow kRules{"mailcore_rules", MetricType::Gauge, "", "Ordered rules in force."};
constexpr FamilyRow kConnections{"mailcore_connections", MetricType::Gauge, "", "Connections of Postfix open now."};
constexpr FamilyRow kLogLines{"mailcore_decision_log_lines_total", MetricType::Counter, "",
                              "Decision lines handed to the decision log."};
constexpr FamilyRow kLogWaits{"mailcore_decision_log_waits_total", MetricType::Counter, "",
                              "Times a decision waited because the decision log was full."};

constexpr FamilyRow kLimitRefused{"mailcore_limit_refused_total", MetricType::Counter, "tenant, limit",
                                  "Messages and recipients over a limit. At most 200 pairs; the rest is tenant \"other\"."};
constexpr FamilyRow kLimitFill{"mailcore_limit_fill_ratio", MetricType::Gauge, "tenant, limit",
                               "How much of a limit's burst is used, 0 to 1; the 100 fullest that this daemon counted lately."};
constexpr FamilyRow kLimitGivenBack{"mailcore_limit_given_back_total", MetricType::Counter, "",
                                    "Messages that were counted and given back, since the milter refused them in the end."};
constexpr FamilyRow kLimitUp{"mailcore_limit_store_up", MetricType::Gauge, "", "1 while the store of limits itself answers."};
constexpr FamilyRow kLimitFallback{"mailcore_limit_on_fallback", MetricType::Gauge, "",
                                   "1 while Redis is away and this host counts alone."};
constexpr FamilyRow kLimitFallbackUp{"mailcore_limit_fallback_up", MetricType::Gauge, "",
                                     "1 while limits.fallback counts whatever comes, or would if Redis were away; 1 where there is none."};
constexpr FamilyRow kLimitFailures{"mailcore_limit_store_failures_total", MetricType::Counter, "",
                                   "Times that nobody could count; limits.on_error decided."};
constexpr FamilyRow kLimitFallbackCalls{"mailcore_limit_fallback_calls_total", MetricType::Counter, "",
                                        "Times that the fallback counted."};
constexpr FamilyRow kSuspended{"mailcore_suspended_tenants", MetricType::Gauge, "", "Tenants that an operator has suspended."};
constexpr FamilyRow kSuspensionCopies{"mailcore_suspensions_copy_up", MetricType::Gauge, "copy",
                                      "1 while this copy of the suspensions can be read and written: host, or shared (in limits.store)."};

constexpr std::array kFamilies{kBuildInfo,     kDecisions,     kObserved,           kSeconds,    kForged,
                               kUnreadable,    kReloads,       kTenants,            kRules,      kConnections,
                               kLogLines,      kLogWaits,      kLimitRefused,       kLimitFill,  kLimitGivenBack,
                               kLimitUp,       kLimitFallback, kLimitFallbackUp,    kLimitFailures, kLimitFallbackCalls,
                               kSuspended,     kSuspensionCopies};

// Upper bounds of the histogram's buckets: powers of two of a microsecond, 1 us to 32 ms; the last bucket is +Inf.
constexpr int kBuckets = 17;

int bucket_of(std::uint64_t micros)
{
    int const power = micros <= 1 ? 0 : static_cast<int>(std::bit_width(micros - 1));
    return std::min(power, kBuckets - 1);
}

using Counter = std::atomic<std::uint64_t>;

void add(Counter& counter, std::uint64_t n = 1) noexcept { counter.fetch_add(n, std::memory_order_relaxed); }
std::uint64_t read(Counter const& counter) noexcept { return counter.load(std::memory_order_relaxed); }

// What one thread counts; on cache lines of its own.
struct alignas(64) Shard {
    std::array<std::array<Counter, mail::kReasons>, mail::kActions> decisions{};
    std::array<Counter, mail::kReasons> observed{};
    std::array<Counter, kBuckets> buckets{};
    Counter micros{0};
    Counter forged{0};
};

constexpr unsigned kShards = 16;

Shard& own_shard(std::array<Shard, kShards>& shards)
{
    static std::atomic<unsigned> next{0};
    thread_local unsigned const mine = next.fetch_add(1, std::memory_order_relaxed) % kShards;
    return shards[mine];
}

std::string label(std::string_view word) { return std::string{word}; }

// The pairs that can occur: `ok` is never refused, everything else never passes but in observe mode.
bool can_occur(mail::Action action, mail::Reason reason)
{
    switch (action) {
        case mail::Action::Pass: return true;
        case mail::Action::Reject: return reason != mail::Reason::Ok && reason != mail::Reason::InternalError;
        case mail::Action::Defer:
            return reason == mail::Reason::Rule || reason == mail::Reason::LimitExceeded ||
                   reason == mail::Reason::InternalError;
        case mail::Action::Hold: return reason == mail::Reason::Rule;
    }
    return false;
}

}   // namespace

struct Metrics::State {
    std::string daemon;
    std::string version;
    std::array<Shard, kShards> shards;
    Counter reloads_ok{0}, reloads_failed{0}, unreadable{0}, tenants{0}, rules{0};
    std::atomic<std::int64_t> connections{0};
    std::function<std::uint64_t()> log_lines = [] { return 0; };
    std::function<std::uint64_t()> log_waits = [] { return 0; };
    std::function<LimitStoreFacts()> limit_facts = [] { return LimitStoreFacts{}; };
    mutable LimitMetrics limits;   // a scrape forgets what is empty
    PageServer server;

    template <class Get>
    std::uint64_t sum(Get get) const
    {
        std::uint64_t total = 0;
        for (auto const& shard : shards) total += read(get(shard));
        return total;
    }

    std::uint64_t decisions(mail::Action action, mail::Reason reason) const
    {
        return sum([=](Shard const& s) -> Counter const& {
            return s.decisions[static_cast<std::size_t>(action)][static_cast<std::size_t>(reason)];
        });
    }

    MetricFamily collect_decisions() const
    {
        auto result = family(kDecisions);
        for (int a = 0; a < mail::kActions; ++a) {
            for (int r = 0; r < mail::kReasons; ++r) {
                auto const action = static_cast<mail::Action>(a);
                auto const reason = static_cast<mail::Reason>(r);
                auto const count = decisions(action, reason);
                if (count == 0 && !can_occur(action, reason)) continue;
                result.metric.push_back(counter(count, {{"action", label(word(action))}, {"reason", label(word(reason))}}));
            }
        }
        return result;
    }

    MetricFamily collect_observed() const
    {
        auto result = family(kObserved);
        for (int r = 0; r < static_cast<int>(mail::Reason::Ok); ++r) {
            auto const index = static_cast<std::size_t>(r);
            auto const count = sum([=](Shard const& s) -> Counter const& { return s.observed[index]; });
            result.metric.push_back(counter(count, {{"reason", label(word(static_cast<mail::Reason>(r)))}}));
        }
        return result;
    }

    MetricFamily collect_seconds() const
    {
        auto result = family(kSeconds);
        ClientMetric metric;
        std::uint64_t cumulative = 0;
        for (int i = 0; i < kBuckets; ++i) {
            cumulative += sum([=](Shard const& s) -> Counter const& { return s.buckets[static_cast<std::size_t>(i)]; });
            ClientMetric::Bucket bucket;
            bucket.cumulative_count = cumulative;
            bucket.upper_bound = i + 1 == kBuckets ? std::numeric_limits<double>::infinity()
                                                   : static_cast<double>(1u << static_cast<unsigned>(i)) * 1e-6;
            metric.histogram.bucket.push_back(bucket);
        }
        metric.histogram.sample_count = cumulative;
        metric.histogram.sample_sum = static_cast<double>(sum([](Shard const& s) -> Counter const& { return s.micros; })) * 1e-6;
        result.metric.push_back(metric);
        return result;
    }

    MetricFamily collect_reloads() const
    {
        auto result = family(kReloads);
        result.metric.push_back(counter(read(reloads_ok), {{"result", "ok"}}));
        result.metric.push_back(counter(read(reloads_failed), {{"result", "failed"}}));
        return result;
    }

    MetricFamily collect_limit_refusals() const
    {
        auto result = family(kLimitRefused);
        for (auto const& one : limits.refusals()) {
            result.metric.push_back(counter(one.count, {{"tenant", one.tenant}, {"limit", one.limit}}));
        }
        return result;
    }

    MetricFamily collect_limit_fills() const
    {
        auto result = family(kLimitFill);
        for (auto const& one : limits.fills(base::now())) {
            result.metric.push_back(gauge(one.level, {{"tenant", one.tenant}, {"limit", one.limit}}));
        }
        return result;
    }

    MetricFamily collect_suspension_copies(LimitStoreFacts const& facts) const
    {
        auto result = family(kSuspensionCopies);
        result.metric.push_back(gauge(facts.host_suspensions_up ? 1 : 0, {{"copy", "host"}}));
        result.metric.push_back(gauge(facts.shared_suspensions_up ? 1 : 0, {{"copy", "shared"}}));
        return result;
    }

    std::vector<MetricFamily> collect() const
    {
        auto const facts = limit_facts();
        auto build = family(kBuildInfo);
        build.metric.push_back(gauge(1, {{"daemon", daemon}, {"version", version}}));
        return {build,
                collect_decisions(),
                collect_observed(),
                collect_seconds(),
                one_counter(kForged, sum([](Shard const& s) -> Counter const& { return s.forged; })),
                one_counter(kUnreadable, read(unreadable)),
                collect_reloads(),
                one_gauge(kTenants, static_cast<double>(read(tenants))),
                one_gauge(kRules, static_cast<double>(read(rules))),
                one_gauge(kConnections, static_cast<double>(connections.load(std::memory_order_relaxed))),
                one_counter(kLogLines, log_lines()),
                one_counter(kLogWaits, log_waits()),
                collect_limit_refusals(),
                collect_limit_fills(),
                one_counter(kLimitGivenBack, limits.given_back()),
                one_gauge(kLimitUp, facts.up ? 1 : 0),
                one_gauge(kLimitFallback, facts.on_fallback ? 1 : 0),
                one_gauge(kLimitFallbackUp, facts.fallback_up ? 1 : 0),
                one_counter(kLimitFailures, facts.failures),
                one_counter(kLimitFallbackCalls, facts.fallback_calls),
                one_gauge(kSuspended, static_cast<double>(facts.suspended_tenants)),
                collect_suspension_copies(facts)};
    }
};

Metrics::Metrics(std::string const& daemon, std::string const& version) : state_{std::make_unique<State>()}
{
    state_->daemon = daemon;
    state_->version = version;
}

Metrics::~Metrics() { stop_serving(); }

void Metrics::stop_serving() { state_->server.stop(); }

void Metrics::count_decision(mail::Action action, mail::Reason reason, bool observed, std::uint64_t micros,
                             std::uint64_t forged_headers_removed) noexcept
{
    auto& shard = own_shard(state_->shards);
    add(shard.decisions[static_cast<std::size_t>(action)][static_cast<std::size_t>(reason)]);
    add(shard.buckets[static_cast<std::size_t>(bucket_of(micros))]);
    add(shard.micros, micros);
    if (observed) add(shard.observed[static_cast<std::size_t>(reason)]);
    if (forged_headers_removed > 0) add(shard.forged, forged_headers_removed);
}

void Metrics::count_reload(bool ok) noexcept { add(ok ? state_->reloads_ok : state_->reloads_failed); }
void Metrics::count_unreadable_request() noexcept { add(state_->unreadable); }
void Metrics::connection_opened() noexcept { state_->connections.fetch_add(1, std::memory_order_relaxed); }
void Metrics::connection_closed() noexcept { state_->connections.fetch_sub(1, std::memory_order_relaxed); }
std::int64_t Metrics::connections() const noexcept { return state_->connections.load(std::memory_order_relaxed); }

void Metrics::set_rules(std::size_t tenants, std::size_t rules) noexcept
{
    state_->tenants.store(tenants, std::memory_order_relaxed);
    state_->rules.store(rules, std::memory_order_relaxed);
}

void Metrics::watch_decision_log(std::function<std::uint64_t()> lines, std::function<std::uint64_t()> waits)
{
    state_->log_lines = std::move(lines);
    state_->log_waits = std::move(waits);
}

void Metrics::watch_limits(std::function<LimitStoreFacts()> facts) { state_->limit_facts = std::move(facts); }
LimitMetrics& Metrics::limits() { return state_->limits; }

std::uint64_t Metrics::decisions(mail::Action action, mail::Reason reason) const noexcept
{
    return state_->decisions(action, reason);
}

std::uint64_t Metrics::decisions(mail::Action action) const noexcept
{
    std::uint64_t total = 0;
    for (int r = 0; r < mail::kReasons; ++r) total += decisions(action, static_cast<mail::Reason>(r));
    return total;
}

std::string Metrics::text() const { return prometheus::TextSerializer{}.Serialize(state_->collect()); }

base::Result<> Metrics::serve(net::SocketAddress const& address)
{
    return state_->server.start(address, {{"/metrics", [this] { return prometheus_page(text()); }}});
}

std::string metrics_reference()
{
    return "# Metrics\n\nWhat `GET /metrics` serves. This page is written by `mailcorectl reference metrics`; "
           "a test compares them.\n\n" + family_table(kFamilies) +
           "\n## vault-sync\n\nServed by `vault-sync watch`, and written to `metrics.textfile` by every pass.\n\n" +
           family_table(sync_families()) +
           "\n## mailcore-outcomes\n\nServed at `outcomes.metrics`. What counts mail, lines, gaps and losses continues over restarts: it is in the store. Requests and failures are counted since the start.\n\n" +
           family_table(outcome_families());
}

}   // namespace mailcore::observe
