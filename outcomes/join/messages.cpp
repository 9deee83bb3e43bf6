// Which message a line belongs to. A message is a queue file: (instance, queue id) from its first line to its end.

#include <algorithm>
#include <utility>

#include "core/base/text.hpp"
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

// Short queue ids are reused. Mail of Postfix's own making (bounces, forwarded mail) has no opening line, and the line that
// ended the former may be missing.
bool begins_another(MessageState const& message, PostfixLine const& line)
{
    if (is_opening(line)) return opens_another(message, line);
    if (line.time <= message.changed) return false;
    if (line.kind == Kind::MessageId && was_queued(message)) return true;
    if (!message.ended) return false;
    return line.time > message.changed + kStragglers ||
           (line.kind == Kind::MessageId && !are_same_id(line.message_id, message.message_id));
}

// Of a message that only the gate has told of. Its decision came after its first lines, and if it was a refusal, nothing
// came much later. The gate does not name the instance: where the first line names another client, it is another instance's
// message with the same queue id; what follows shows that: take_over_decision().
bool may_be_of(MessageState const& decided, PostfixLine const& line)
{
    if (is_opening(line) && line.time > decided.decided_at + kSlack) return false;
    if (line.time + kLongestSession < decided.decided_at) return false;
    if (decided.ended && line.time > decided.decided_at + kStragglers) return false;
    if (line.client.empty() || decided.client.empty()) return true;
    return base::equal_ignoring_case(line.client, decided.client);
}

}   // namespace

bool are_same_id(std::string_view left, std::string_view right)
{
    if (left == right) return true;
    auto const is_plain = [](char c) { return base::is_printable_ascii(c) && c != '?'; };
    auto const next = [&](std::string_view& rest) {
        char const c = rest.front();
        rest.remove_prefix(1);
        if (is_plain(c)) return c;
        while (!rest.empty() && !is_plain(rest.front())) rest.remove_prefix(1);
        return '?';
    };
    while (!left.empty() && !right.empty()) {
        if (next(left) != next(right)) return false;
    }
    return left.empty() && right.empty();
}

HeldMessage& Joiner::State::message_of(PostfixLine const& line)
{
    HeldMessage* superseded = nullptr;
    table_.read_up_to(line.time);
    auto* message = known(line, superseded);
    if (message == nullptr) {
        MessageState fresh;
        fresh.instance = line.instance;
        fresh.queue_id = line.queue_id;
        message = &table_.add(std::move(fresh));
    }
    if (superseded != nullptr) {
        if (is_opening(line) && superseded->state.decided_at >= line.time) hand_on_decision(*superseded, *message);
        end(*superseded);
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
void Joiner::State::take_over_decision(HeldMessage& held, base::Time queued)
{
    auto const& message = held.state;
    if (message.decided || was_queued(message) || !message.hop_of.empty() || !message.notification_of.empty()) return;
    for (auto* one = table_.held(message.queue_id); one != nullptr; one = one->older) {
        auto const& decided = one->state;
        bool const is_unclaimed = decided.decided && !decided.seen && !decided.ended;
        bool const is_later = decided.decided_at > queued + kSlack;
        bool const is_earlier = message.opened && decided.decided_at + kSlack < message.began;
        if (!is_unclaimed || is_later || is_earlier || are_different_ids(decided.message_id, message.message_id)) continue;
        move_decision(*one, held);
        return;
    }
}

// The former ended without a line; the decision about its queue id was made after this message began, and so is this one's.
void Joiner::State::hand_on_decision(HeldMessage& former, HeldMessage& message)
{
    bool const is_formers = !former.state.decided || former.state.ended || was_queued(former.state);
    if (!is_formers && !message.state.decided) move_decision(former, message);
}

// Whatever else was told of the former stays with it.
void Joiner::State::move_decision(HeldMessage& former, HeldMessage& held)
{
    auto& from = former.state;
    auto& to = held.state;
    to.decided = true;
    to.decided_at = from.decided_at;
    to.tenant = std::exchange(from.tenant, {});
    to.ticket = std::exchange(from.ticket, {});
    to.sender = std::exchange(from.sender, {});
    if (to.recipients.empty()) {
        for (auto const& placeholder : from.recipients) add_placeholder(held, placeholder.recipient, placeholder.changed);
    }
    if (!is_id(to.message_id)) to.message_id = from.message_id;
    forget_placeholders(from);
    for (auto* one : {&from, &to}) {
        for (auto& recipient : one->recipients) recipient.dirty = true;   // the tenant stands in their rows
    }
    end(former);
    table_.touch(held);
    account(held);
}

// --- Loss: what the gate let pass and Postfix's log does not show

void Joiner::State::look_for_losses(base::Time now)
{
    end_abandoned(now);
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

// Before 3.10 a session that ends without a message leaves no line that says so. Scanners and callouts make thousands of them a
// day: held as open, they would push what is under way out of memory.
void Joiner::State::end_abandoned(base::Time now)
{
    std::vector<HeldMessage*> abandoned;   // ending one moves it to another list
    for (auto& held : table_.open()) {
        auto const& message = held.state;
        if (message.seen && !message.decided && !was_queued(message) && message.changed + kLongestSession < now) abandoned.push_back(&held);
    }
    for (auto* held : abandoned) end(*held);
    table_.look_again();
}

void Joiner::State::mark_lost(HeldMessage& held)
{
    held.state.lost = true;
    for (auto& recipient : held.state.recipients) recipient.dirty = true;   // they lie in no queue that we know of
    table_.touch(held);
    tally_.add("lost");
}

}   // namespace mailcore::outcomes
