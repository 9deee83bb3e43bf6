// What limits and suspensions add to a decision, for explain: as they are now, asked of a daemon or read from the store.
// Nothing is counted.
#pragma once

#include <optional>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/rules/ruleset.hpp"
#include "core/rules/suspensions.hpp"
#include "core/rules/trace.hpp"
#include "ctl/client.hpp"

namespace mailcore::ctl {

base::Result<rules::Suspensions> current_suspensions(Desk& desk);

// The verdict after the limits of its tenant, which are asked where it lets pass; their steps stand before the trace's last,
// which is told anew. `at`: at another time than now, with the counters of now. A store that cannot be read changes nothing
// but the trace, nor does a time that is past: the counters know what is used now and until when.
mail::Verdict with_limits(Desk& desk, rules::Ruleset const& ruleset, mail::Request const& request, mail::Verdict const& verdict,
                          std::optional<base::Time> at, rules::Trace& trace);

// "2026-11-22T05:00:00Z", "2026-11-22", or from now "+10m", "-1h".
base::Result<base::Time> parse_at(std::string_view text, base::Time now);

// Puts a step before the verdict's.
void add_before_verdict(rules::Trace& trace, std::string step, std::string text);

}   // namespace mailcore::ctl
