// What an operator may ask of outcomes: answered by the running daemon on its control socket, or by `mailcore-outcomes
// --answer` for mailcorectl when it does not run. Requests and answers are JSON objects:
//
//     {"command": "outcomes", "ticket": "4711", "tenant": …, "queue_id": …, "message_id": …, "recipient": …, "status": "BOUNCED",
//      "since": "2026-11-22T05:00:00Z", "until": …, "limit": 100, "after_change": 17}
//     {"command": "tenants-of", "queue_ids": ["4jW…"]}
//     {"command": "queue-stats"}     {"command": "queue-failed", "limit": 100}     {"command": "queue-retry", "max": 100}
#pragma once

#include <functional>
#include <string>

#include "core/base/result.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// {"ok": true, …}; fails in words for the operator. `events_changed` is called when failed events are to be tried again.
base::Result<std::string> answer_operator(OutcomeStore& store, std::string const& request, std::function<void()> const& events_changed);

}   // namespace mailcore::outcomes
