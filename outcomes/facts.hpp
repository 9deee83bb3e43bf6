// From the store's counters and tables to what the metrics show.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/clock.hpp"
#include "core/observe/outcome_metrics.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// Counters are named "sent|SES|kbz_test", "delay|SES|3" (the bucket's number), "delay_sum_ms|SES", "lost": see the joiner.
observe::OutcomeFacts facts_of(std::map<std::string, std::uint64_t> const& counters);

// The queue of the webhook, and what waits in Postfix's. What cannot be read is left at 0.
void add_store_facts(observe::OutcomeFacts& facts, OutcomeStore& store, base::Time now);

std::string stats_json(observe::OutcomeFacts const& facts);   // of /stats
std::string status_answer(observe::OutcomeFacts const& facts, std::chrono::seconds uptime);   // the same for `mailcorectl status`, one line

// A page for people, without scripts.
std::string status_page(observe::OutcomeFacts const& facts);

}   // namespace mailcore::outcomes
