#include "core/observe/outcome_metrics.hpp"

#include <array>
#include <limits>
#include <mutex>
#include <prometheus/text_serializer.h>

#include "core/observe/metric_family.hpp"

namespace mailcore::observe {
namespace {

constexpr FamilyRow kBuildInfo{"mailcore_build_info", MetricType::Gauge, "daemon, version", "Always 1; says what runs."};
constexpr FamilyRow kSent{"mailcore_email_sent_total", MetricType::Counter, "provider, tenant", "Recipients whose mail was sent."};
constexpr FamilyRow kFailed{"mailcore_email_failed_total", MetricType::Counter, "provider, tenant",
                            "Recipients whose mail bounced, expired or was rejected."};
constexpr FamilyRow kDeferred{"mailcore_email_deferred_total", MetricType::Counter, "provider, tenant", "Delivery attempts put off."};
constexpr FamilyRow kDepth{"mailcore_email_queue_depth", MetricType::Gauge, "provider, tenant",
                           "Recipients in Postfix's queue: accepted or deferred. Provider: of the last attempt, empty before the first."};
constexpr FamilyRow kDuration{"mailcore_email_send_duration_seconds", MetricType::Histogram, "provider",
                              "From Postfix's receiving a message to its being sent (delay= of the log)."};
constexpr FamilyRow kLines{"mailcore_outcomes_lines_total", MetricType::Counter, "source", "Lines read: mail_log, decision_log."};
constexpr FamilyRow kBehind{"mailcore_outcomes_behind_bytes", MetricType::Gauge, "source", "Of the log, not read yet."};
constexpr FamilyRow kLag{"mailcore_outcomes_lag_seconds", MetricType::Gauge, "source",
                         "How old the last line read is while there is more to read; 0 = all is read."};
constexpr FamilyRow kReadable{"mailcore_outcomes_log_readable", MetricType::Gauge, "source", "1 while the log can be read."};
constexpr FamilyRow kUnreadable{"mailcore_outcomes_unreadable_decisions_total", MetricType::Counter, "",
                                "Lines of the decision log that are no decision."};
constexpr FamilyRow kGaps{"mailcore_outcomes_gaps_total", MetricType::Counter, "source",
                          "Times that lines were gone before they were read."};
constexpr FamilyRow kLost{"mailcore_outcomes_lost_total", MetricType::Counter, "",
                          "Messages that the milter let pass and Postfix's log never showed within five minutes."};
constexpr FamilyRow kRejects{"mailcore_outcomes_postfix_rejects_total", MetricType::Counter, "", "Rejects by Postfix itself, not by the gate."};
constexpr FamilyRow kGateDefers{"mailcore_outcomes_gate_defers_total", MetricType::Counter, "",
                                "Messages and recipients that the gate put off (4xx); the client tries again."};
constexpr FamilyRow kEvents{"mailcore_webhook_events", MetricType::Gauge, "state", "Events of the webhook: pending, sending, sent, failed."};
constexpr FamilyRow kOldest{"mailcore_webhook_oldest_pending_seconds", MetricType::Gauge, "", "Age of the oldest event that waits; 0 = none."};
constexpr FamilyRow kRequests{"mailcore_webhook_requests_total", MetricType::Counter, "result",
                              "Requests since the start: delivered (2xx), refused (another answer), unreachable."};
constexpr FamilyRow kStoreUp{"mailcore_outcomes_store_up", MetricType::Gauge, "", "1 = what is read is stored, 0 = it waits in the logs."};
constexpr FamilyRow kStoreFailures{"mailcore_outcomes_store_failures_total", MetricType::Counter, "",
                                   "Batches that could not be stored; they are read again."};

constexpr std::array kFamilies{kBuildInfo, kSent, kFailed, kDeferred, kDepth, kDuration, kLines,   kBehind,   kLag,
                               kReadable,  kUnreadable, kGaps, kLost, kRejects,  kGateDefers, kEvents, kOldest, kRequests, kStoreFailures, kStoreUp};

MetricFamily by_provider(FamilyRow const& row, std::vector<ByProvider> const& list)
{
    bool const is_gauge = row.type == MetricType::Gauge;
    auto result = family(row);
    for (auto const& one : list) {
        std::vector<ClientMetric::Label> labels{{"provider", one.provider}, {"tenant", one.tenant}};
        result.metric.push_back(is_gauge ? gauge(static_cast<double>(one.count), std::move(labels)) : counter(one.count, std::move(labels)));
    }
    return result;
}

template <class Value>
MetricFamily by_source(FamilyRow const& row, std::vector<LogFacts> const& logs, Value value)
{
    bool const is_gauge = row.type == MetricType::Gauge;
    auto result = family(row);
    for (auto const& log : logs) {
        auto const number = value(log);
        std::vector<ClientMetric::Label> labels{{"source", log.source}};
        result.metric.push_back(is_gauge ? gauge(static_cast<double>(number), std::move(labels))
                                         : counter(static_cast<std::uint64_t>(number), std::move(labels)));
    }
    return result;
}

MetricFamily durations(std::vector<SendDurations> const& list)
{
    auto result = family(kDuration);
    for (auto const& one : list) {
        ClientMetric metric;
        metric.label.push_back({"provider", one.provider});
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i < one.buckets.size(); ++i) {
            ClientMetric::Bucket bucket;
            bucket.cumulative_count = cumulative += one.buckets[i];
            bucket.upper_bound = i < std::size(kSendSeconds) ? kSendSeconds[i] : std::numeric_limits<double>::infinity();
            metric.histogram.bucket.push_back(bucket);
        }
        metric.histogram.sample_count = cumulative;
        metric.histogram.sample_sum = one.sum;
        result.metric.push_back(std::move(metric));
    }
    return result;
}

// One metric for each of the words, 0 where nothing was counted.
MetricFamily by_word(FamilyRow const& row, char const* label, std::initializer_list<char const*> words,
                     std::map<std::string, std::uint64_t> const& counts)
{
    bool const is_gauge = row.type == MetricType::Gauge;
    auto result = family(row);
    for (auto const* word : words) {
        auto const found = counts.find(word);
        auto const count = found == counts.end() ? std::uint64_t{0} : found->second;
        result.metric.push_back(is_gauge ? gauge(static_cast<double>(count), {{label, word}}) : counter(count, {{label, word}}));
    }
    return result;
}

}   // namespace

struct OutcomeMetrics::State {
    std::string version;
    mutable std::mutex mutex;
    OutcomeFacts facts;
};

OutcomeMetrics::OutcomeMetrics(std::string const& version) : state_{std::make_unique<State>()} { state_->version = version; }
OutcomeMetrics::~OutcomeMetrics() = default;

void OutcomeMetrics::set(OutcomeFacts facts)
{
    std::lock_guard const lock{state_->mutex};
    state_->facts = std::move(facts);
}

OutcomeFacts OutcomeMetrics::facts() const
{
    std::lock_guard const lock{state_->mutex};
    return state_->facts;
}

std::string OutcomeMetrics::text() const
{
    auto const now = facts();
    auto build = family(kBuildInfo);
    build.metric.push_back(gauge(1, {{"daemon", "mailcore-outcomes"}, {"version", state_->version}}));
    return prometheus::TextSerializer{}.Serialize(
        {build, by_provider(kSent, now.sent), by_provider(kFailed, now.failed), by_provider(kDeferred, now.deferred),
         by_provider(kDepth, now.waiting), durations(now.durations),
         by_source(kLines, now.logs, [](LogFacts const& log) { return log.lines; }),
         by_source(kBehind, now.logs, [](LogFacts const& log) { return log.bytes_behind; }),
         by_source(kLag, now.logs, [](LogFacts const& log) { return log.seconds_behind; }),
         by_source(kReadable, now.logs, [](LogFacts const& log) { return log.readable ? 1 : 0; }),
         one_counter(kUnreadable, now.unreadable_decisions), by_source(kGaps, now.logs, [](LogFacts const& log) { return log.gaps; }), one_counter(kLost, now.lost),
         one_counter(kRejects, now.postfix_rejects), one_counter(kGateDefers, now.gate_defers),
         by_word(kEvents, "state", {"pending", "sending", "sent", "failed"}, now.webhook_events),
         one_gauge(kOldest, now.webhook_oldest_seconds),
         by_word(kRequests, "result", {"delivered", "refused", "unreachable"}, now.webhook_requests),
         one_counter(kStoreFailures, now.store_failures), one_gauge(kStoreUp, now.store_trouble.empty() ? 1 : 0)});
}

std::span<FamilyRow const> outcome_families() { return kFamilies; }

}   // namespace mailcore::observe
