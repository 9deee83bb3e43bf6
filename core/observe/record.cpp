#include "core/observe/record.hpp"

namespace mailcore::observe {

void Recorder::record(Decision const& decision)
{
    auto const& verdict = decision.verdict;
    bool const observed = verdict.would != mail::Action::Pass;
    metrics_.count_decision(verdict.action, verdict.reason, observed, decision.micros, decision.forged_headers_removed);
    if (!verdict.limit.empty()) metrics_.limits().count_refusal(verdict.tenant, verdict.limit);

    thread_local std::string line;   // keeps its memory from one decision to the next
    line.clear();
    append_decision_line(line, decision);
    decision_log_.write(line);
}

}   // namespace mailcore::observe
