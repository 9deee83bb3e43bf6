// The decision itself, for both daemons: contract's "How a tenant is found, and what is refused".
//
//     auto const verdict = rules::decide(ruleset, request, base::now());
//
// Pure: no I/O, no logging, no clock, no allocation. Safe from many threads at once.
#pragma once

#include "core/base/clock.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/rules/ruleset.hpp"
#include "core/rules/trace.hpp"

namespace mailcore::rules {

// `now` is for the limits, which are asked last (see the end of check_tenant in decide.cpp). With a trace, each step is
// told in words; that allocates.
mail::Verdict decide(Ruleset const& ruleset, mail::Request const& request, base::Time now, Trace* trace = nullptr);

// mailcore itself failed: defer, or pass where the operator chose so (`on_error`).
mail::Verdict own_failure(OnError on_error);

}   // namespace mailcore::rules
