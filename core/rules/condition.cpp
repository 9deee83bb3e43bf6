#include "core/rules/rule.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace mailcore::rules {
namespace {

using mail::Address;
using mail::Request;
using mail::Stage;

Match to_match(bool holds) { return holds ? Match::Yes : Match::No; }

// Each of these holds when its part of the condition is not set: "unset means anything".

Match matches_tenant(Condition const& condition, std::string_view tenant)
{
    if (condition.tenants.empty()) return Match::Yes;
    return to_match(std::binary_search(condition.tenants.begin(), condition.tenants.end(), tenant, std::less<>{}));
}

Match matches_client(Condition const& condition, Request const& request)
{
    if (!condition.has_clients) return Match::Yes;
    if (!request.client_address) return Match::No;
    auto const* included = condition.clients.find(*request.client_address);
    return to_match(included != nullptr && *included);
}

Match matches_login(Condition const& condition, Request const& request)
{
    if (condition.logins.empty()) return Match::Yes;
    return to_match(std::binary_search(condition.logins.begin(), condition.logins.end(), request.login));
}

Match matches_sender(Condition const& condition, Request const& request)
{
    if (condition.senders.empty() && !condition.null_sender) return Match::Yes;
    if (request.sender.kind() == Address::Kind::Absent) return Match::Unknown;
    if (request.sender.kind() == Address::Kind::Null) return to_match(condition.null_sender);
    return to_match(condition.senders.matches(request.sender));
}

// At RCPT the recipient asked for; at the end of the message any of them.
Match matches_recipient(Condition const& condition, Request const& request)
{
    if (condition.recipients.empty()) return Match::Yes;
    if (request.recipients.empty()) return Match::Unknown;
    if (request.stage == Stage::Rcpt) return to_match(condition.recipients.matches(request.recipients.back()));
    return to_match(std::any_of(request.recipients.begin(), request.recipients.end(),
                                [&](Address const& recipient) { return condition.recipients.matches(recipient); }));
}

Match matches_from(Condition const& condition, Request const& request)
{
    if (condition.from.empty()) return Match::Yes;
    if (!request.message) return Match::Unknown;
    auto const& from = request.message->from;
    return to_match(from.state == mail::HeaderFrom::State::One && condition.from.matches(from.address));
}

Match matches_helo(Condition const& condition, Request const& request)
{
    return to_match(condition.helo.names.empty() || condition.helo.matches(request.helo));
}

Match matches_port(Condition const& condition, Request const& request)
{
    if (condition.ports.empty()) return Match::Yes;
    return to_match(std::find(condition.ports.begin(), condition.ports.end(), request.server_port) != condition.ports.end());
}

Match matches_tls(Condition const& condition, Request const& request)
{
    return to_match(!condition.tls || *condition.tls == request.tls);
}

// A declared size is good for an early yes only: the message may turn out larger than its client said.
Match matches_size(Condition const& condition, Request const& request)
{
    if (!condition.size_over) return Match::Yes;
    if (request.size > *condition.size_over) return Match::Yes;
    return request.knows_size_exactly() ? Match::No : Match::Unknown;
}

Match both(Match left, Match right)
{
    if (left == Match::No || right == Match::No) return Match::No;
    return left == Match::Unknown || right == Match::Unknown ? Match::Unknown : Match::Yes;
}

Match opposite(Match match)
{
    switch (match) {
        case Match::No: return Match::Yes;
        case Match::Yes: return Match::No;
        case Match::Unknown: return Match::Unknown;
    }
    return Match::Unknown;
}

}   // namespace

bool HostPatterns::matches(std::string_view host) const
{
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
        if (!name.starts_with('.')) return base::equal_ignoring_case(host, name);
        return host.size() > name.size() && base::equal_ignoring_case(host.substr(host.size() - name.size()), name);
    });
}

Match matches(Condition const& condition, Request const& request, std::string_view tenant)
{
    auto result = matches_tenant(condition, tenant);
    for (auto const part : {matches_client, matches_login, matches_sender, matches_recipient, matches_from, matches_helo,
                            matches_port, matches_tls, matches_size}) {
        if (result == Match::No) return result;
        result = both(result, part(condition, request));
    }
    if (condition.negated && result != Match::No) result = both(result, opposite(matches(*condition.negated, request, tenant)));
    return result;
}

}   // namespace mailcore::rules
