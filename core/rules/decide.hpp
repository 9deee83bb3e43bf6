// The decision itself, for both daemons: contract's "How a tenant is found, and what is refused".
//
//     auto const verdict = rules::decide(ruleset, request, suspensions);
//
// Pure: no I/O, no logging, no clock, no allocation. Safe from many threads at once. Limits are not asked here: they come
// after it, for mail that passes (limit.hpp), so that what is refused for another reason costs nothing.
#pragma once

#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/rules/ruleset.hpp"
#include "core/rules/suspensions.hpp"
#include "core/rules/trace.hpp"

namespace mailcore::rules {

// A tenant among `suspensions` is refused whatever its mode: an operator's switch is not something to observe. With a
// trace, each step is told in words; that allocates.
mail::Verdict decide(Ruleset const& ruleset, mail::Request const& request, Suspensions const& suspensions = {},
                     Trace* trace = nullptr);

// mailcore itself failed: defer, or pass where the operator chose so (`on_error`).
mail::Verdict own_failure(OnError on_error);

}   // namespace mailcore::rules
