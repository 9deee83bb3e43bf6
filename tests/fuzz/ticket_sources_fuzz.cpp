// A whole header, as a tenant may write it: encoded words, claims, subject, references; then the ticket found in them,
// and the decision. Nothing found may carry a line end or a byte that is not printable ASCII.
#include "core/mail/encoded_word.hpp"
#include "core/mail/header_block.hpp"
#include "core/rules/decide.hpp"
#include "core/rules/ticket.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/gate.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

void check_decoding(std::string_view text)
{
    auto const strict = mail::decode_encoded_words(text);
    auto const lenient = mail::decode_encoded_words(text, mail::EncodedWordPlace::Anywhere);
    require(strict.size() <= text.size() && lenient.size() <= text.size(), "decoding makes no text longer", text);
    if (text.find("=?") == std::string_view::npos) require(strict == text && lenient == text, "plain text stays", text);
    require(mail::unfolded(mail::unfolded(text)).size() <= text.size(), "unfolding makes no text longer", text);
}

void fill(mail::Request& request, std::string_view header)
{
    request.clear();
    request.daemon = mail::Daemon::Milter;
    request.stage = mail::Stage::EndOfMessage;
    request.client_address = net::IpAddress::parse("10.0.0.250").value();
    request.sender.set("amazon+4711@inbound.keybuzz.io");
    request.recipients.add().set("buyer@example.com");
    request.recipient_count = 1;
    request.size = header.size();
    auto& message = request.message.emplace();
    mail::for_each_header(header, [&](std::string_view name, std::string_view value) {
        message.add_header(name, value, fuzz::gate().headers);
        // The sender's extension is a source too: let the header name it.
        if (name == "X-Sender") request.sender.set(value);
    });
}

void check_bounds(mail::Message const& message)
{
    require(message.tenant_claims.size() <= mail::Message::kMaxClaims && message.ticket_claims.size() <= mail::Message::kMaxClaims,
            "claims are bounded");
    for (auto const* text : {&message.subject, &message.references, &message.in_reply_to, &message.message_id}) {
        require(text->size() <= mail::Message::kMaxValue, "values are bounded", *text);
    }
    for (auto const& claim : message.ticket_claims) require(!claim.empty(), "an empty claim is none");
}

void check_ticket(rules::TicketTerms const& terms, mail::Request const& request)
{
    auto const ticket = rules::find_ticket(terms, request);
    if (ticket.state != rules::Ticket::State::Known) return require(ticket.value.empty(), "only a known ticket has a value", ticket.value);
    require(!ticket.value.empty() && fuzz::is_printable(ticket.value), "a ticket is printable ASCII", ticket.value);
    require(terms.pattern.matches_whole(ticket.value), "a ticket fits its pattern", ticket.value);
}

void check_verdict(mail::Verdict const& verdict, mail::Request const& request)
{
    require(fuzz::is_printable(verdict.ticket), "a verdict's ticket is printable", verdict.ticket);
    require(fuzz::is_printable(mail::to_string(verdict.reply)), "a reply is printable", mail::to_string(verdict.reply));
    if (verdict.action != mail::Action::Pass || verdict.reason != mail::Reason::Ok || verdict.tenant.empty()) return;
    require(verdict.tenant == "kbz_test" || verdict.tenant == "shop", "a tenant that passes is one of ours", verdict.tenant);
    if (verdict.tenant != "kbz_test") return;
    require(request.message->from.state == mail::HeaderFrom::State::One, "an enforced From is there once", verdict.tenant);
    require(request.message->from.address.domain().ends_with("keybuzz.io"), "an enforced From is the tenant's", request.message->from.address.text());
    require(!verdict.ticket.empty(), "a required ticket is there", verdict.tenant);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const header = fuzz::text_of(data, size);
    check_decoding(header);
    static mail::Request request;   // one for all, as a daemon has it
    fill(request, header);
    check_bounds(*request.message);
    for (auto const& terms : fuzz::gate().terms) {
        if (terms.ticket) check_ticket(*terms.ticket, request);
    }
    check_verdict(rules::decide(fuzz::gate(), request), request);
    return 0;
}
