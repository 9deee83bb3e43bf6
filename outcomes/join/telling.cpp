// Events for the webhook and counters: each change once.

#include <algorithm>
#include <tuple>

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

Outcome outcome_of(MessageState const& message, RecipientState const& recipient)
{
    Outcome outcome;
    outcome.postfix_instance = message.instance;
    outcome.tenant_id = message.tenant;
    outcome.ticket_id = message.ticket;
    outcome.message_id = message.message_id;
    outcome.queue_id = message.queue_id;
    outcome.sender = message.sender;
    outcome.recipient = recipient.recipient;
    outcome.original_recipient = recipient.orig_to;
    outcome.provider = recipient.provider;
    outcome.relay = recipient.relay;
    outcome.dsn = recipient.dsn;
    outcome.reason = recipient.reason;
    outcome.status = recipient.status;
    outcome.attempts = recipient.attempts;
    outcome.sent_at = recipient.changed;
    outcome.notification_id = recipient.notification_id;
    outcome.event_id = event_id_of(outcome, outcome.sent_at);
    return outcome;
}

// Of the attempts, the last one may have ended it.
std::uint32_t deferrals_of(RecipientState const& recipient)
{
    bool const ended_by_attempt = recipient.status == Status::Sent || recipient.status == Status::Bounced;
    return recipient.attempts - (ended_by_attempt && recipient.attempts > 0 ? 1 : 0);
}

}   // namespace

// In the order in which it happened: recipients that come from the store stand in another than those that stayed in memory.
void Joiner::State::account(HeldMessage& held)
{
    auto& message = held.state;
    std::vector<RecipientState*> in_order;
    for (auto& recipient : message.recipients) in_order.push_back(&recipient);
    std::sort(in_order.begin(), in_order.end(), [](auto const* left, auto const* right) {
        return std::tie(left->changed, left->recipient, left->orig_to) < std::tie(right->changed, right->recipient, right->orig_to);
    });
    for (auto* recipient : in_order) account(message, *recipient);
}

// What Postfix said before the gate's decision was read waits for it, as far as the end of the message: then it is mail of
// no tenant, and only counted. If the decision comes later still, it is told.
void Joiner::State::account(MessageState& message, RecipientState& recipient)
{
    if (!message.notification_of.empty() || (!message.decided && !message.ended)) return;
    count(message, recipient);
    tell(message, recipient);
}

void Joiner::State::count(MessageState const& message, RecipientState& recipient)
{
    if (auto const deferrals = deferrals_of(recipient); deferrals > recipient.deferrals_counted) {
        tally_.add("deferred", recipient.provider, message.tenant, deferrals - recipient.deferrals_counted);
        recipient.deferrals_counted = deferrals;
        recipient.dirty = true;
    }
    if (recipient.counted || !is_final(recipient.status)) return;
    // A refusal by Postfix of mail without a tenant is counted as such: "postfix_rejects".
    if (recipient.status == Status::Rejected && message.tenant.empty()) return;
    recipient.counted = true;
    recipient.dirty = true;
    switch (recipient.status) {
        case Status::Sent: tally_.add("sent", recipient.provider, message.tenant); break;
        case Status::Bounced:
        case Status::Expired:
        case Status::Rejected: tally_.add("failed", recipient.provider, message.tenant); break;
        case Status::Deleted:   // by the operator: neither
        case Status::Accepted:
        case Status::Deferred: break;
    }
}

// DEFERRED at first and when its dsn changes, a final state once. What is remembered as told does not depend on whether a
// webhook is configured: one that is configured later hears of what comes, not of all there was.
void Joiner::State::tell(MessageState const& message, RecipientState& recipient)
{
    if (message.tenant.empty() || recipient.status == Status::Accepted) return;
    if (is_final(recipient.status)) {
        if (recipient.told) return;
        recipient.told = true;
    } else {
        if (recipient.told_at != base::Time{} && recipient.told_dsn == recipient.dsn) return;
        recipient.told_dsn = recipient.dsn;
        recipient.told_at = recipient.changed;
    }
    recipient.dirty = true;
    if (options_.make_events) batch_.events.emplace_back(outcome_of(message, recipient), &message);
}

}   // namespace mailcore::outcomes
