// Messages that travel on under another queue id: through a content filter, put back by postsuper -r; and the bounces that
// Postfix writes. What becomes of a recipient is told of the message that its sender gave us, the root.

#include <algorithm>

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

constexpr int kMostHops = 8;
constexpr auto kLately = std::chrono::hours{1};

// A remote server may say anything, also the queue id of another tenant's message: so a hop has no tenant of its own, has
// begun while its original was under way, and has the same Message-ID.
bool may_continue(MessageState const& next, MessageState const& own, MessageState const& root, base::Time said)
{
    return next.seen && next.tenant.empty() && next.notification_of.empty() && next.began + kSlack >= own.began &&
           next.began <= said + kSlack && next.changed + kLately >= said && !are_different_ids(next.message_id, root.message_id);
}

HeldMessage* original_in(HeldMessage* candidates, MessageState const& hop)
{
    while (candidates != nullptr && (candidates->state.instance != hop.hop_instance || candidates->state.began > hop.began + kSlack)) {
        candidates = candidates->older;
    }
    return candidates;
}

// The last state of a recipient of the hop, for the root's recipient of the same address.
void merge(RecipientState& into, RecipientState const& from)
{
    into.dirty = true;
    into.status = from.status;
    into.relay = from.relay;
    into.provider = from.provider;
    into.dsn = from.dsn;
    into.reason = from.reason;
    into.changed = from.changed;
    if (!from.via.empty()) into.via = from.via;   // it has gone on already
    into.attempts += from.attempts;
    into.counted = from.counted;
    into.deferrals_counted += from.deferrals_counted;
    if (into.notification_id.empty()) into.notification_id = from.notification_id;
}

}   // namespace

Joiner::State::Carried Joiner::State::carried(HeldMessage& own)
{
    auto& root = root_of(own);
    return {own, root, &root == &own ? std::string_view{} : std::string_view{own.state.queue_id}};
}

HeldMessage& Joiner::State::root_of(HeldMessage& message)
{
    auto* root = &message;
    for (int hop = 0; hop < kMostHops && !root->state.hop_of.empty(); ++hop) {
        auto* original = original_in(table_.held(root->state.hop_of), root->state);
        if (original == nullptr) original = original_in(table_.all(root->state.hop_of), root->state);   // ended long ago
        if (original == nullptr || original == root) break;
        root = original;
    }
    return *root;
}

// "queued as NEWQID": where NEWQID is a message of our own log, the relay was a content filter and `sent` is not the end.
HeldMessage* Joiner::State::hop_target(Carried const& from, PostfixLine const& line)
{
    if (line.status != PostfixLine::Status::Sent || line.next_queue_id.empty()) return nullptr;
    HeldMessage* found = nullptr;
    for (auto* one = table_.newest(line.next_queue_id, line.time); one != nullptr; one = one->older) {
        if (one == &from.own || one == &from.root) continue;
        bool const is_linked = !one->state.hop_of.empty();
        if (is_linked ? &root_of(*one) != &from.root : !may_continue(one->state, from.own.state, from.root.state, line.time)) continue;
        if (one->state.instance == from.own.state.instance) return one;
        if (found == nullptr) found = one;   // or another instance's
    }
    return found;
}

// The hand-over is no attempt of delivery: what counts is what comes of the hop.
void Joiner::State::hand_over(Carried const& from, RecipientState& recipient, PostfixLine const& line, HeldMessage& next)
{
    recipient.dirty = true;
    recipient.via = next.state.queue_id;
    if (recipient.status == Status::Accepted && (recipient.relay.empty() || recipient.changed < line.time)) {
        recipient.changed = std::max(recipient.changed, line.time);
        recipient.relay = line.relay;
        recipient.reason = line.reason;
    }
    table_.touch(from.root);
    link(next, from.root);
}

void Joiner::State::link(HeldMessage& next, HeldMessage& root)
{
    if (&next == &root || !next.state.hop_of.empty()) return;
    next.state.hop_of = root.state.queue_id;
    next.state.hop_instance = root.state.instance;
    Carried const from{next, root, next.state.queue_id};
    auto const moved = next.state.recipients;
    forget_recipients(next);
    for (auto const& one : moved) merge(recipient_of(from, one.recipient, one.orig_to), one);
    table_.touch(next);
    table_.touch(root);
    account(root);
}

// XFORWARD's orig_queue_id: the filter says at once whose message it brings back.
void Joiner::State::on_reinjected(HeldMessage& next, PostfixLine const& line)
{
    HeldMessage* original = nullptr;
    for (auto* one = table_.newest(line.orig_queue_id, line.time); one != nullptr; one = one->older) {
        if (one == &next || !one->state.seen || one->state.began > line.time + kSlack) continue;
        if (original == nullptr || (one->state.instance == line.instance && original->state.instance != line.instance)) original = one;
    }
    if (original == nullptr || !next.state.tenant.empty()) return;
    auto& root = root_of(*original);
    for (auto& recipient : root.state.recipients) {   // "sent, queued as NEXT" was read first
        bool const went_there = recipient.status == Status::Sent && !recipient.told && recipient.reason.ends_with("queued as " + next.state.queue_id);
        if (!went_there) continue;
        recipient.dirty = true;
        recipient.status = Status::Accepted;
        recipient.via = next.state.queue_id;
        recipient.attempts -= recipient.attempts > 0 ? 1 : 0;
    }
    link(next, root);
}

// postsuper -r: what was not final goes on in a new queue file.
void Joiner::State::on_requeued(HeldMessage& next, PostfixLine const& line)
{
    auto* original = table_.newest(line.orig_queue_id, line.time);
    while (original != nullptr && (original == &next || original->state.instance != line.instance || !original->state.seen)) {
        original = original->older;
    }
    if (original == nullptr || !next.state.tenant.empty()) return;
    auto const from = carried(*original);
    for (auto& recipient : from.root.state.recipients) {
        if (is_final(recipient.status) || recipient.via != from.via) continue;
        recipient.dirty = true;
        recipient.via = next.state.queue_id;
    }
    link(next, from.root);
    end(*original);
}

// --- Bounces

void Joiner::State::on_notification(PostfixLine const& line)
{
    auto& own = message_of(line);
    auto const from = carried(own);
    if (line.notification == "sender non-delivery") {
        for (auto& recipient : from.root.state.recipients) {
            bool const failed = recipient.status == Status::Bounced || recipient.status == Status::Expired;
            if (!failed || recipient.via != from.via || !recipient.notification_id.empty()) continue;
            recipient.dirty = true;
            recipient.notification_id = line.next_queue_id;
        }
        table_.touch(from.root);
    }
    if (line.next_queue_id.empty()) return;
    auto& notification = notification_message(own, line);
    notification.state.notification_of = from.root.state.queue_id;
    forget_recipients(notification);
    table_.touch(notification);
}

// Before 3.11 its own lines come first, since then this one does.
HeldMessage& Joiner::State::notification_message(HeldMessage& about, PostfixLine const& line)
{
    for (auto* one = table_.newest(line.next_queue_id, line.time); one != nullptr; one = one->older) {
        auto const& state = one->state;
        if (state.instance == line.instance && state.tenant.empty() && state.began + kSlack >= about.state.began &&
            !(state.ended && state.changed + kSlack < line.time)) {
            return *one;
        }
    }
    MessageState fresh;
    fresh.instance = line.instance;
    fresh.queue_id = line.next_queue_id;
    fresh.began = fresh.changed = line.time;
    fresh.seen = true;
    return table_.add(std::move(fresh));
}

void Joiner::State::forget_recipients(HeldMessage& held)
{
    auto& message = held.state;
    for (auto const& recipient : message.recipients) {
        if (recipient.row != 0) message.forgotten.push_back(recipient.row);
    }
    message.recipients.clear();
}

}   // namespace mailcore::outcomes
