// What became of the recipients: each is known by the pair of addresses that Postfix logs, to= and orig_to=.

#include <algorithm>

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

using Line = PostfixLine;

Status status_of(Line::Status status)
{
    switch (status) {
        case Line::Status::Sent: return Status::Sent;
        case Line::Status::Bounced: return Status::Bounced;
        case Line::Status::Expired: return Status::Expired;
        case Line::Status::Deferred:   // SOFTBOUNCE, too: Postfix tries again
        case Line::Status::None:
        case Line::Status::Undelivered: break;
    }
    return Status::Deferred;
}

// A recipient that the gate has let pass, and of which Postfix has said nothing yet. Its address is as the client gave it,
// or "" where there are several.
bool is_placeholder(RecipientState const& recipient)
{
    return recipient.status == Status::Accepted && recipient.attempts == 0 && recipient.relay.empty() && recipient.via.empty();
}

// The same line again, or an older one: attempts are counted once.
bool is_repetition(RecipientState const& recipient, Line const& line)
{
    if (recipient.status != Status::Deferred || line.status != Line::Status::Deferred) return false;
    if (line.time != recipient.changed) return line.time < recipient.changed;
    return line.dsn == recipient.dsn && line.reason == recipient.reason;
}

bool has_any_but_refused(MessageState const& message)
{
    return std::any_of(message.recipients.begin(), message.recipients.end(), [](auto const& one) { return one.status != Status::Rejected; });
}

// A refused recipient may be asked for again in the same session and taken then.
bool is_settled(RecipientState const& recipient)
{
    return is_final(recipient.status) && (recipient.status != Status::Rejected || recipient.told);
}

}   // namespace

void Joiner::State::on_delivery(PostfixLine const& line)
{
    auto& own = message_of(line);
    bool const is_probe = line.status == Line::Status::None || line.status == Line::Status::Undelivered;
    if (is_probe || !own.state.notification_of.empty()) return;
    auto const from = carried(own);
    auto& recipient = recipient_of(from, line.to, line.orig_to);
    if (is_settled(recipient) || is_repetition(recipient, line)) return;
    if (auto* const next = hop_target(from, line)) hand_over(from, recipient, line, *next);
    else deliver(from, recipient, line);
}

RecipientState& Joiner::State::recipient_of(Carried const& from, std::string_view to, std::string_view orig_to)
{
    auto& recipients = from.root.state.recipients;
    auto const first = [&](auto const& fits) { return std::find_if(recipients.begin(), recipients.end(), fits); };
    auto found = first([&](auto const& one) { return one.recipient == to && one.orig_to == orig_to; });
    if (found != recipients.end()) return *found;
    // On the way through a filter an address may lose its orig_to, or be expanded only there.
    if (!from.via.empty()) {
        found = first([&](auto const& one) { return one.via == from.via && one.recipient == to; });
        if (found != recipients.end()) return *found;
        found = first([&](auto const& one) {
            return one.via == from.via && !is_final(one.status) && !orig_to.empty() && one.recipient == orig_to;
        });
    }
    if (found == recipients.end()) found = first(is_placeholder);
    auto& recipient = found != recipients.end() ? *found : recipients.emplace_back();
    recipient.dirty = true;
    recipient.recipient = to;
    if (recipient.orig_to.empty()) recipient.orig_to = orig_to;
    recipient.via = from.via;
    return recipient;
}

void Joiner::State::deliver(Carried const& from, RecipientState& recipient, PostfixLine const& line)
{
    recipient.dirty = true;
    recipient.told = recipient.counted = false;   // of a refusal before
    recipient.via = from.via;
    recipient.status = status_of(line.status);
    ++recipient.attempts;
    recipient.changed = line.time;
    recipient.relay = line.relay;
    recipient.provider = providers_.of(line);
    recipient.dsn = line.dsn;
    recipient.reason = line.reason;
    if (recipient.status == Status::Sent) tally_.add_delay(recipient.provider, line.delay);
    table_.touch(from.root);
    account(from.root.state, recipient);
}

// qmgr has given up; the bounce that tells the sender follows.
void Joiner::State::on_expired(PostfixLine const& line)
{
    finish_rest(carried(message_of(line)), Status::Expired, line.time, "4.4.7", "delivery time expired");
}

// postsuper -d
void Joiner::State::on_deleted(PostfixLine const& line)
{
    auto& own = message_of(line);
    finish_rest(carried(own), Status::Deleted, line.time, "", "deleted from the queue");
    end(own);
}

void Joiner::State::on_removed(PostfixLine const& line) { end(message_of(line)); }

// The client hung up or was told to come again: nothing was accepted.
void Joiner::State::on_canceled(PostfixLine const& line)
{
    auto& own = message_of(line);
    forget_placeholders(own.state);
    end(own);
}

// All recipients that this queue file still carries. What was said of them last remains: why they were put off.
void Joiner::State::finish_rest(Carried const& from, Status status, base::Time time, std::string_view dsn, std::string_view reason)
{
    auto& message = from.root.state;
    if (!message.notification_of.empty()) return;
    if (from.via.empty() && !has_any_but_refused(message)) message.recipients.emplace_back();   // whoever they were
    for (auto& recipient : message.recipients) {
        if (is_final(recipient.status) || recipient.via != from.via) continue;
        if (recipient.status == Status::Accepted) {   // of no attempt; what is there speaks of a filter
            recipient.dsn = dsn;
            recipient.reason = reason;
        }
        recipient.dirty = true;
        recipient.status = status;
        recipient.changed = time;
        if (recipient.provider.empty()) recipient.provider = kLocal;
    }
    table_.touch(from.root);
    account(from.root);
}

void Joiner::State::forget_placeholders(MessageState& message)
{
    std::erase_if(message.recipients, [&](auto const& recipient) {
        if (!is_placeholder(recipient)) return false;
        if (recipient.row != 0) message.forgotten.push_back(recipient.row);
        return true;
    });
}

}   // namespace mailcore::outcomes
