// Which ticket a message is about: from the claimed header, the sender's plus-extension, the subject, or the thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/mail/request.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::rules {

struct Ticket {
    enum class State : std::uint8_t { Missing, Known, Malformed };
    State state = State::Missing;
    std::string_view value;                      // Known: a view into the request
    TicketSource source = TicketSource::Header;  // Known, Malformed
};

// `request.message` must be there. Claims that differ, and a claim that fails the pattern, are Malformed; what the other
// sources hold is skipped when it fails. The value holds what the pattern allows and never a control or 8-bit byte.
Ticket find_ticket(TicketTerms const& terms, mail::Request const& request);

}   // namespace mailcore::rules
