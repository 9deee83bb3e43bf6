// What the SMTP client is told: `554 5.7.1 Sender not allowed for this client (sender_not_allowed)`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/mail/reason.hpp"

namespace mailcore::mail {

// Views into static text or into the Ruleset. All ASCII without control characters, text at most 320 bytes.
struct SmtpReply {
    std::string_view code;       // "554"; empty = no refusal
    std::string_view enhanced;   // "5.7.1", RFC 3463
    std::string_view text;       // ends in the reason word in parentheses
    std::uint32_t retry_after = 0;   // seconds, said before the reason word; 0 = not said
    bool operator==(SmtpReply const&) const = default;
};

SmtpReply reply_for(Action action, Reason reason);   // the standard words; empty for Pass
void append_text(std::string& out, SmtpReply const& reply);   // the text as it is said: "Sending limit reached: …; try again in 36 s (…)"
std::string to_string(SmtpReply const& reply);                // "554 5.7.1 …", "" when empty

}   // namespace mailcore::mail
