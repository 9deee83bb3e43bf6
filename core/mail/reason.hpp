// The stable words: what a decision did and why. Logs, metrics and replies use them, scripts rely on them.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailcore::mail {

enum class Action : std::uint8_t { Pass, Reject, Defer, Hold };
inline constexpr int kActions = 4;

// In the order in which they are found: of several refusals the later one "got further".
enum class Reason : std::uint8_t {
    LoginUnknown,
    CertificateUnknown,
    ClientNotAllowed,
    SenderNotAllowed,
    TenantClaimRefused,
    TenantAmbiguous,
    TenantSuspended,
    RecipientNotAllowed,
    SizeExceeded,
    FromNotAllowed,
    FromMalformed,
    TicketMissing,
    TicketMalformed,
    Rule,
    LimitExceeded,
    InternalError,
    Ok,
};
inline constexpr int kReasons = static_cast<int>(Reason::Ok) + 1;

std::string_view word(Action action);   // "pass"
std::string_view word(Reason reason);   // "sender_not_allowed"

}   // namespace mailcore::mail
