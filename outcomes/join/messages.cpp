// Which message a line belongs to. A message is a queue file: (instance, queue id) from its first line to its end.

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

using Kind = PostfixLine::Kind;

bool is_opening(PostfixLine const& line) { return line.kind == Kind::Client || line.kind == Kind::Pickup; }

// smtpd and pickup open each message once. The same line again has the same time; another one is another message, even where
// nothing said that the former ended: before 3.10 a client that hangs up leaves no line, and short queue ids come again soon.
bool opens_another(MessageState const& message, PostfixLine const& line)
{
    if (message.opened) return line.time != message.began;
    return line.time > message.changed && (message.ended || line.time > message.changed + kStragglers);
}

// Short queue ids are reused. Mail of Postfix's own making (bounces, forwarded mail) has no opening line.
bool begins_another(MessageState const& message, PostfixLine const& line)
{
    if (is_opening(line)) return opens_another(message, line);
    if (!message.ended || line.time <= message.changed) return false;
    return line.time > message.changed + kStragglers ||
           (line.kind == Kind::MessageId && line.message_id != message.message_id);
}

// Of a message that only the gate has told of. Its decision came after its first lines, and if it was a refusal, nothing
// came much later. The gate does not name the instance: where the first line names another client, it is another instance's
// message with the same queue id; what follows shows that: take_over_decision().
bool may_be_of(MessageState const& decided, PostfixLine const& line)
{
    if (is_opening(line) && line.time > decided.decided_at + kSlack) return false;
    if (decided.ended && line.time > decided.decided_at + kStragglers) return false;
    if (line.client.empty() || decided.client.empty()) return true;
    return base::equal_ignoring_case(line.client, decided.client);
}

}   // namespace

HeldMessage& Joiner::State::message_of(PostfixLine const& line)
{
    HeldMessage* superseded = nullptr;
    table_.read_up_to(line.time);
    auto* message = known(line, superseded);
    if (superseded != nullptr) end(*superseded);
    if (message == nullptr) {
        MessageState fresh;
        fresh.instance = line.instance;
        fresh.queue_id = line.queue_id;
        message = &table_.add(std::move(fresh));
    }
    note(*message, line);
    return *message;
}

HeldMessage* Joiner::State::known(PostfixLine const& line, HeldMessage*& superseded)
{
    HeldMessage* unseen = nullptr;
    for (auto* one = table_.newest(line.queue_id, line.time); one != nullptr; one = one->older) {
        if (one->state.instance == line.instance) {
            if (!begins_another(one->state, line)) return one;
            superseded = one;
            break;
        }
        // Of several decisions that were read beforehand, the one that was made next.
        bool const fits = !one->state.seen && may_be_of(one->state, line);
        if (fits && (unseen == nullptr || one->state.decided_at < unseen->state.decided_at)) unseen = one;
    }
    return unseen;
}

void Joiner::State::note(HeldMessage& held, PostfixLine const& line)
{
    auto& message = held.state;
    if (!message.seen) {
        message.seen = true;
        message.instance = line.instance;
        message.began = message.changed = line.time;
    }
    message.changed = std::max(message.changed, line.time);
    if (!message.opened) message.began = std::min(message.began, line.time);
    table_.touch(held);
}

void Joiner::State::open(HeldMessage& held, PostfixLine const& line)
{
    auto& message = held.state;
    message.opened = true;
    message.began = line.time;
    if (!line.client.empty()) message.client = line.client;
    if (line.has_sender && !message.decided) message.sender = line.sender;
    if (line.orig_queue_id.empty()) return;
    if (line.kind == Kind::Client) on_reinjected(held, line);
    else on_requeued(held, line);
}

// Its queue file is gone. What is not final stays as it was told last: we did not see what became of it.
void Joiner::State::end(HeldMessage& held)
{
    auto& message = held.state;
    if (message.ended) return;
    message.ended = true;
    for (auto& recipient : message.recipients) {
        if (!is_final(recipient.status)) recipient.dirty = true;   // it lies in no queue any more
    }
    table_.touch(held);
    account(held);
    if (!message.hop_of.empty()) leave(carried(held));
}

void Joiner::State::leave(Carried const& from)
{
    for (auto& recipient : from.root.state.recipients) {
        if (is_final(recipient.status) || recipient.via != from.via || from.via.empty()) continue;
        recipient.dirty = true;
        recipient.via.clear();
        table_.touch(from.root);
    }
}

// The decision was read first and its client did not fit; now qmgr has this message and nothing else will come.
void Joiner::State::take_over_decision(HeldMessage& held)
{
    if (held.state.decided || !held.state.hop_of.empty() || !held.state.notification_of.empty()) return;
    for (auto* one = table_.held(held.state.queue_id); one != nullptr; one = one->older) {
        auto& decided = one->state;
        if (decided.seen || decided.ended || !decided.decided) continue;
        auto& message = held.state;
        message.decided = true;
        message.decided_at = decided.decided_at;
        message.tenant = decided.tenant;
        message.ticket = decided.ticket;
        message.sender = decided.sender;
        if (message.recipients.empty()) {
            for (auto const& placeholder : decided.recipients) add_placeholder(held, placeholder.recipient, placeholder.changed);
        }
        forget_recipients(*one);
        decided.ended = true;
        table_.touch(*one);
        account(held);
        return;
    }
}

// --- Loss: what the gate let pass and Postfix's log does not show

void Joiner::State::look_for_losses(base::Time now)
{
    auto const before = now - options_.seen_within;
    auto const is_lost = [&](MessageState const& message) {
        return message.decided && !message.seen && !message.lost && message.decided_at < before;
    };
    std::vector<HeldMessage*> lost;   // touching one moves it in the list
    for (auto& held : table_.open()) {
        if (is_lost(held.state)) lost.push_back(&held);
    }
    for (auto* held : lost) mark_lost(*held);

    if (table_.holds_all_open()) return;
    auto stored = store_.decided_but_unseen(before, options_.most_held / 10 + 1);
    if (!stored) {
        if (!trouble_) trouble_ = stored.error();
        return;
    }
    for (auto& message : *stored) {
        auto& held = table_.take_in(std::move(message));
        if (is_lost(held.state)) mark_lost(held);
    }
}

void Joiner::State::mark_lost(HeldMessage& held)
{
    held.state.lost = true;
    for (auto& recipient : held.state.recipients) recipient.dirty = true;   // they lie in no queue that we know of
    table_.touch(held);
    tally_.add("lost");
}

}   // namespace mailcore::outcomes
