// A decision as a value: what is done, why, and what the sender hears.
#pragma once

#include <string_view>

#include "core/mail/reason.hpp"
#include "core/mail/smtp_reply.hpp"

namespace mailcore::mail {

// The views point into the Ruleset and the Request that were decided on and live as long as both.
struct Verdict {
    Action action = Action::Pass;
    Reason reason = Reason::Ok;   // in observe mode: what it would have been
    Action would = Action::Pass;  // in observe mode: what would have been done; Pass = the same
    std::string_view tenant;      // empty unless exactly one is known
    std::string_view ticket;      // empty when none is known
    std::string_view rule;        // the rule that decided; empty = none did
    std::string_view limit;       // the limit that was reached; empty = none was
    SmtpReply reply;              // empty when the mail passes
    bool operator==(Verdict const&) const = default;
};

}   // namespace mailcore::mail
