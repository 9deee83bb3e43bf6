#include "core/mail/reason.hpp"

#include <array>

#include "core/mail/smtp_reply.hpp"

namespace mailcore::mail {
namespace {

struct Row {
    Reason reason;
    std::string_view word;
    std::string_view text;   // what the SMTP client reads
};

// One row a reason, in the order of the enumeration. The texts end in their own word.
constexpr std::array<Row, kReasons> kRows{{
    {Reason::LoginUnknown, "login_unknown", "Login belongs to no tenant (login_unknown)"},
    {Reason::CertificateUnknown, "certificate_unknown", "Client certificate belongs to no tenant (certificate_unknown)"},
    {Reason::ClientNotAllowed, "client_not_allowed", "Client host not allowed to send (client_not_allowed)"},
    {Reason::SenderNotAllowed, "sender_not_allowed", "Sender not allowed for this client (sender_not_allowed)"},
    {Reason::TenantClaimRefused, "tenant_claim_refused", "Claimed tenant not allowed here (tenant_claim_refused)"},
    {Reason::TenantAmbiguous, "tenant_ambiguous", "Several tenants may send this; claim one (tenant_ambiguous)"},
    {Reason::TenantSuspended, "tenant_suspended", "Tenant is suspended (tenant_suspended)"},
    {Reason::RecipientNotAllowed, "recipient_not_allowed", "Recipient not allowed for this tenant (recipient_not_allowed)"},
    {Reason::SizeExceeded, "size_exceeded", "Message larger than the tenant may send (size_exceeded)"},
    {Reason::FromNotAllowed, "from_not_allowed", "Header From not allowed for this tenant (from_not_allowed)"},
    {Reason::FromMalformed, "from_malformed", "Message needs one From header with one address (from_malformed)"},
    {Reason::TicketMissing, "ticket_missing", "Message names no ticket (ticket_missing)"},
    {Reason::TicketMalformed, "ticket_malformed", "Ticket is not well-formed (ticket_malformed)"},
    {Reason::Rule, "rule", "Refused by a local rule (rule)"},
    {Reason::LimitExceeded, "limit_exceeded", "Sending limit reached (limit_exceeded)"},
    {Reason::InternalError, "internal_error", "Mail gate in trouble, try again later (internal_error)"},
    {Reason::Ok, "ok", ""},
}};

constexpr Row const& row(Reason reason) { return kRows[static_cast<std::size_t>(reason)]; }

constexpr bool rows_are_in_order()
{
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (static_cast<std::size_t>(kRows[i].reason) != i) return false;
    }
    return true;
}
static_assert(rows_are_in_order());

}   // namespace

std::string_view word(Action action)
{
    switch (action) {
        case Action::Pass: return "pass";
        case Action::Reject: return "reject";
        case Action::Defer: return "defer";
        case Action::Hold: return "hold";
    }
    return "";
}

std::string_view word(Reason reason) { return row(reason).word; }

SmtpReply reply_for(Action action, Reason reason)
{
    auto const text = row(reason).text;
    switch (action) {
        case Action::Pass:
        case Action::Hold: return {};
        case Action::Defer: return {reason == Reason::InternalError ? "451" : "450",
                                    reason == Reason::InternalError ? "4.3.0" : "4.7.1", text};
        case Action::Reject: return reason == Reason::SizeExceeded ? SmtpReply{"552", "5.3.4", text}
                                                                   : SmtpReply{"554", "5.7.1", text};
    }
    return {};
}

void append_text(std::string& out, SmtpReply const& reply)
{
    auto const word_at = reply.text.rfind(" (");
    if (reply.retry_after == 0 || word_at == std::string_view::npos) {
        out.append(reply.text);
        return;
    }
    out.append(reply.text.substr(0, word_at)).append("; try again in ").append(std::to_string(reply.retry_after)).append(" s");
    out.append(reply.text.substr(word_at));
}

std::string to_string(SmtpReply const& reply)
{
    if (reply.code.empty()) return {};
    auto text = std::string{reply.code} + " " + std::string{reply.enhanced} + " ";
    append_text(text, reply);
    return text;
}

}   // namespace mailcore::mail
