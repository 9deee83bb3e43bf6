#include "core/rules/ticket.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace mailcore::rules {
namespace {

// The pattern is the operator's and might allow too much: what could inject a header or break a log never passes.
bool is_well_formed(TicketTerms const& terms, std::string_view value)
{
    return !value.empty() && value.size() <= 200 && std::all_of(value.begin(), value.end(), base::is_printable_ascii) &&
           terms.pattern.matches_whole(value);
}

Ticket from_claims(TicketTerms const& terms, std::vector<std::string> const& claims)
{
    if (claims.empty()) return {};
    bool const same = std::all_of(claims.begin(), claims.end(), [&](auto const& claim) { return claim == claims.front(); });
    if (!same || !is_well_formed(terms, claims.front())) return {Ticket::State::Malformed, {}, TicketSource::Header};
    return {Ticket::State::Known, claims.front(), TicketSource::Header};
}

Ticket from_text(TicketTerms const& terms, Regex const& regex, std::string_view text, TicketSource source)
{
    Ticket ticket;
    regex.for_each_group(text, [&](std::string_view candidate) {
        if (!is_well_formed(terms, candidate)) return true;   // the next one may be ours
        ticket = {Ticket::State::Known, candidate, source};
        return false;
    });
    return ticket;
}

Ticket from_references(TicketTerms const& terms, mail::Message const& message)
{
    auto const ticket = from_text(terms, terms.references, message.references, TicketSource::References);
    if (ticket.state == Ticket::State::Known) return ticket;
    return from_text(terms, terms.references, message.in_reply_to, TicketSource::References);
}

Ticket from_extension(TicketTerms const& terms, mail::Address const& sender)
{
    auto const extension = sender.extension();
    if (!is_well_formed(terms, extension)) return {};
    return {Ticket::State::Known, extension, TicketSource::Plus};
}

Ticket from_source(TicketSource source, TicketTerms const& terms, mail::Request const& request)
{
    switch (source) {
        case TicketSource::Header: return from_claims(terms, request.message->ticket_claims);
        case TicketSource::Plus: return from_extension(terms, request.sender);
        case TicketSource::Subject: return from_text(terms, terms.subject, request.message->subject, source);
        case TicketSource::References: return from_references(terms, *request.message);
    }
    return {};
}

}   // namespace

Ticket find_ticket(TicketTerms const& terms, mail::Request const& request)
{
    for (auto const source : terms.sources) {
        auto const ticket = from_source(source, terms, request);
        if (ticket.state != Ticket::State::Missing) return ticket;
    }
    return {};
}

}   // namespace mailcore::rules
