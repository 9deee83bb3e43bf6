// One line of the decision log (contract: A decision line) as a value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

namespace mailcore::outcomes {

struct DecisionRecord {
    base::Time time{};
    bool from_milter = false;
    std::string state;        // "RCPT", "END-OF-MESSAGE"
    std::string queue_id, instance, message_id, tenant, ticket, client, login, sender, recipient;
    std::uint64_t recipients = 0;
    std::uint64_t size = 0;
    std::string action;       // pass, reject, defer, hold
    std::string reason;
    std::string reply;        // "554 5.7.1 …"

    bool is_end() const { return from_milter && state == "END-OF-MESSAGE"; }
    void clear();             // keeps memory
};

// Unknown keys are let be; missing ones are empty. Fails on what is no decision line. Reuses the record's memory.
base::Result<> parse_decision_line(std::string_view line, DecisionRecord& record);

// Of a line that is none. Where a line was torn, by a full disk or a power cut, the next one stands behind it without a line
// end: what begins with the last {"time": is taken, if it is a whole decision line to the end. No string of a decision can hold
// that text: its quotes are escaped there.
base::Result<> parse_behind_torn_line(std::string_view line, DecisionRecord& record);

}   // namespace mailcore::outcomes
