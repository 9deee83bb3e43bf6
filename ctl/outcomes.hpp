// What became of messages, as people read it, and the options as the desk of mailcore-outcomes takes them (outcomes/desk.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "ctl/commands.hpp"
#include "ctl/queue.hpp"

namespace mailcore::ctl {

// "1h" as the time an hour ago; RFC 3339 or a date as it is. The result is RFC 3339.
base::Result<std::string> moment(std::string_view option, std::string const& written, base::Time now);

base::Result<nlohmann::json> outcomes_request(OutcomesOptions const& options, base::Time now);   // pure

inline std::vector<std::string> const kOutcomeHead{"TIME", "STATUS", "TENANT", "TICKET", "RECIPIENT", "DSN", "REASON"};

std::vector<std::string> outcome_row(nlohmann::json const& outcome);

// Whether the table fits so many columns; 0 = not a terminal, so it does.
bool fits(std::vector<std::vector<std::string>> const& rows, std::size_t width);

// Where it does not: a few lines an outcome, no longer than the terminal is wide.
std::string as_lines(std::vector<std::string> const& row, std::size_t width);

// Messages by queue and, with the tenants known by queue id, by tenant. Pure.
nlohmann::json postfix_stats(std::vector<QueueEntry> const& messages, nlohmann::json const& tenants, base::Time now);

}   // namespace mailcore::ctl
