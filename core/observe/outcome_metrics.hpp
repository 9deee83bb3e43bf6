// What mailcore-outcomes tells Prometheus: set as a whole after each batch and at each turn.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"

namespace mailcore::observe {

struct ByProvider {
    std::string provider, tenant;
    std::uint64_t count = 0;
};

// A histogram that is kept elsewhere: how many took at most so many seconds, not cumulated; the last bucket is +Inf.
struct SendDurations {
    std::string provider;
    std::vector<std::uint64_t> buckets;   // as many as kSendSeconds has, and one
    double sum = 0;
};
inline constexpr double kSendSeconds[] = {0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3'600, 21'600, 86'400};

struct LogFacts {
    std::string source;             // mail_log, decision_log
    std::uint64_t lines = 0;
    std::uint64_t bytes_behind = 0; // not stored yet
    std::uint64_t gaps = 0;
    double seconds_behind = 0;
    bool readable = true;
};

struct OutcomeFacts {
    std::vector<ByProvider> sent, failed, deferred, waiting;   // waiting: recipients in Postfix's queue now
    std::vector<SendDurations> durations;
    std::vector<LogFacts> logs;
    std::uint64_t lost = 0;
    std::uint64_t unreadable_decisions = 0;                    // lines that are none
    std::uint64_t postfix_rejects = 0;
    std::uint64_t gate_defers = 0;
    std::map<std::string, std::uint64_t> webhook_events;       // by state: pending, sending, sent, failed
    double webhook_oldest_seconds = 0;
    std::map<std::string, std::uint64_t> webhook_requests;     // by result: delivered, refused, unreachable
    std::uint64_t store_failures = 0;
    std::string store_trouble;                                 // "" = none: why nothing can be stored now
};

// Safe from many threads.
class OutcomeMetrics {
public:
    explicit OutcomeMetrics(std::string const& version);
    ~OutcomeMetrics();
    OutcomeMetrics(OutcomeMetrics const&) = delete;
    OutcomeMetrics& operator=(OutcomeMetrics const&) = delete;

    void set(OutcomeFacts facts);
    OutcomeFacts facts() const;
    std::string text() const;   // Prometheus' text format

private:
    struct State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::observe
