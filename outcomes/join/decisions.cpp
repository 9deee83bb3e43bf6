// The gate's decisions: whose a message is, and what the gate itself refused.

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

bool has_client_of(MessageState const& message, DecisionRecord const& decision)
{
    return base::equal_ignoring_case(message.client, decision.client);
}

// The milter decides between smtpd's first line and qmgr's. What smtpd discards has ended for us before its text has come.
// A session that ends without a message may leave no line, and its short queue id comes again soon: so before qmgr has named
// it, a message has to look like the one decided about. Where it only looks different, qmgr's line sets that right:
// take_over_decision().
bool fits(MessageState const& message, DecisionRecord const& decision)
{
    if (!message.seen) return false;   // another decision's
    if (message.opened && decision.time + kSlack < message.began) return false;
    if (decision.time <= message.changed + kSlack && (was_queued(message) || message.ended)) return true;
    if (was_queued(message) || are_different_ids(message.message_id, decision.message_id)) return false;
    if (message.ended) return decision.time <= message.changed + kStragglers;
    bool const is_anothers = !message.client.empty() && !decision.client.empty() && !has_client_of(message, decision);
    return !is_anothers && decision.time <= message.changed + kLongestSession;
}

int likeness(MessageState const& message, DecisionRecord const& decision)
{
    int const by_id = is_id(decision.message_id) && are_same_id(message.message_id, decision.message_id) ? 2 : 0;
    return by_id + (has_client_of(message, decision) ? 1 : 0);
}

}   // namespace

void Joiner::State::on_decision(DecisionRecord const& decision)
{
    bool const at_end = decision.is_end() && !decision.queue_id.empty();
    if (at_end) {
        bool again = false;
        auto* message = decided_message(decision, again);
        if (again) return;
        if (message == nullptr) {
            MessageState fresh;
            fresh.queue_id = decision.queue_id;
            fresh.began = fresh.changed = decision.time;
            message = &table_.add(std::move(fresh));
        }
        decide(*message, decision);
    } else if (decision.action == "reject") {
        stand_alone(decision);
    }
    if (decision.action == "defer") tally_.add("gate_defers");   // the client comes again: no outcome
}

// The decision does not name the instance. Where two have a message with this queue id, Message-ID and client decide.
HeldMessage* Joiner::State::decided_message(DecisionRecord const& decision, bool& again)
{
    HeldMessage* best = nullptr;
    for (auto* one = table_.newest(decision.queue_id, decision.time); one != nullptr; one = one->older) {
        auto const& message = one->state;
        if (message.decided && message.decided_at == decision.time) again = true;
        if (message.decided || !fits(message, decision)) continue;
        if (best == nullptr || likeness(message, decision) > likeness(best->state, decision)) best = one;
    }
    return best;
}

void Joiner::State::decide(HeldMessage& held, DecisionRecord const& decision)
{
    auto& message = held.state;
    message.decided = true;
    message.decided_at = decision.time;
    table_.touch(held);
    // What was re-injected or put back belongs to its original, whatever the gate makes of it.
    if (!message.hop_of.empty() || !message.notification_of.empty()) return;

    message.tenant = decision.tenant;
    message.ticket = decision.ticket;
    message.sender = decision.sender;   // as the tenant gave it; Postfix may have rewritten it
    if (!decision.message_id.empty()) message.message_id = decision.message_id;
    if (message.client.empty()) message.client = decision.client;
    if (message.size == 0) message.size = decision.size;
    for (auto& recipient : message.recipients) recipient.dirty = true;   // the tenant stands in their rows
    fill_in_recipient(held, decision.recipient);

    if (decision.action == "reject") {
        if (!message.tenant.empty()) {
            add_placeholder(held, decision.recipient, decision.time);   // it is told at once
            refuse_message(held, Status::Rejected, decision.time, enhanced_code(decision.reply), decision.reply);
        }
        end(held);
    } else if (decision.action == "defer") {
        forget_placeholders(message);
        end(held);
    } else if (!message.ended) {
        add_placeholder(held, decision.recipient, decision.time);
    }
    account(held);
}

// Rows without an address were made before the gate's decision told who it was.
void Joiner::State::fill_in_recipient(HeldMessage& held, std::string_view recipient)
{
    for (auto& one : held.state.recipients) {
        if (one.recipient.empty()) one.recipient = recipient;
    }
}

// Until Postfix tells of its recipients, an accepted message has one row that says so.
void Joiner::State::add_placeholder(HeldMessage& held, std::string_view recipient, base::Time time)
{
    for (auto const& one : held.state.recipients) {
        if (one.status != Status::Rejected) return;
    }
    auto& placeholder = held.state.recipients.emplace_back();
    placeholder.recipient = recipient;
    placeholder.changed = time;
}

}   // namespace mailcore::outcomes
