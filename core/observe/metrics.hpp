// Counters and gauges of one daemon, served in Prometheus' text format. The one door to prometheus-cpp.
//
// What is counted for every decision costs a few nanoseconds and takes no lock: each thread adds to a shard of its own,
// and a scrape sums them. Families start at 0 for every known label, so that an alert sees the first event.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/mail/reason.hpp"
#include "core/net/address.hpp"
#include "core/observe/limit_metrics.hpp"

namespace mailcore::observe {

class Metrics {
public:
    explicit Metrics(std::string const& daemon, std::string const& version);
    ~Metrics();
    Metrics(Metrics const&) = delete;
    Metrics& operator=(Metrics const&) = delete;

    // The hot path.
    void count_decision(mail::Action action, mail::Reason reason, bool observed, std::uint64_t micros,
                        std::uint64_t forged_headers_removed) noexcept;

    void count_reload(bool ok) noexcept;
    void count_unreadable_request() noexcept;
    void set_rules(std::size_t tenants, std::size_t rules) noexcept;
    void connection_opened() noexcept;
    void connection_closed() noexcept;
    // Read at each scrape.
    void watch_decision_log(std::function<std::uint64_t()> lines, std::function<std::uint64_t()> waits);

    void watch_limits(std::function<LimitStoreFacts()> facts);
    LimitMetrics& limits();

    std::uint64_t decisions(mail::Action action, mail::Reason reason) const noexcept;
    std::uint64_t decisions(mail::Action action) const noexcept;   // of every reason
    std::int64_t connections() const noexcept;

    std::string text() const;                                  // as served
    base::Result<> serve(net::SocketAddress const& address);   // GET /metrics; Off: does nothing
    void stop_serving();                                       // before what is watched goes

private:
    struct State;
    std::unique_ptr<State> state_;
};

// docs/metrics.md: every family with its type, labels and meaning.
std::string metrics_reference();

}   // namespace mailcore::observe
