// What an operator may ask of limits and suspensions: answered by a running daemon on its control socket, or with none
// running by mailcorectl, which opens the store itself. Requests and answers are JSON objects:
//
//     {"command": "limits", "tenant": "kbz_test"}       used, left and the next free time; all tenants without "tenant".
//                                                       "left_out": how many counters, none of them fuller, are not told
//     {"command": "limits-reset", "tenant": "kbz_test"}
//     {"command": "suspend", "tenant": "kbz_test", "reason": "…"}     {"command": "resume", "tenant": "kbz_test"}
//     {"command": "suspensions"}
//     {"command": "buckets", "keys": ["kbz_test messages/1m"]}        as they are stored, for explain
#pragma once

#include <string>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/rules/ruleset.hpp"
#include "core/store/limits.hpp"
#include "core/store/suspensions.hpp"

namespace mailcore::gate {

class LimitDesk {
public:
    // All three must outlive the desk. What is about suspensions: one thread at a time, and nobody else may use them meanwhile.
    // The rest may take long, and is safe from many threads.
    LimitDesk(rules::Ruleset const& ruleset, store::Limits& limits, store::SuspensionKeeper& suspensions)
        : ruleset_{ruleset}, limits_{limits}, suspensions_{suspensions}
    {
    }

    // {"ok": true, …}; fails in words for the operator.
    base::Result<std::string> answer(std::string const& request, base::Time now);
    static bool is_about_suspensions(std::string const& request);

private:
    rules::Ruleset const& ruleset_;
    store::Limits& limits_;
    store::SuspensionKeeper& suspensions_;
};

// The store's options from the configuration.
store::LimitsOptions limits_options(config::Settings const& settings);

}   // namespace mailcore::gate
