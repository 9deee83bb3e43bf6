// The one place that tells the world of a decision: its line in the decision log and its counters, which therefore agree.
#pragma once

#include "core/observe/decision_line.hpp"
#include "core/observe/decision_log.hpp"
#include "core/observe/metrics.hpp"

namespace mailcore::observe {

// Safe from many threads; waits only when the decision log is full.
class Recorder {
public:
    Recorder(DecisionLog& decision_log, Metrics& metrics) : decision_log_{decision_log}, metrics_{metrics} {}

    void record(Decision const& decision);

private:
    DecisionLog& decision_log_;
    Metrics& metrics_;
};

}   // namespace mailcore::observe
