// Refusals: the gate's own by its decision lines, Postfix's and other milters' by Postfix's lines.

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Cleanup drops the three digits: "5.7.1 …" instead of "550 5.7.1 …".
bool is_permanent(std::string_view text) { return text.starts_with('5'); }

bool is_discard(PostfixLine const& line) { return line.verb.ends_with("discard"); }
bool is_refusal(PostfixLine const& line) { return line.verb.ends_with("reject"); }   // milter-reject, milter-header-reject

// smtpd refuses recipients one by one, and the message as a whole at its end; cleanup speaks of the message only. Whatever
// is discarded, even a recipient, takes the message with it.
bool is_about_message(PostfixLine const& line)
{
    return is_discard(line) || line.service == "cleanup" || line.stage == "DATA" || line.stage == "BDAT" || line.stage == "END-OF-MESSAGE";
}

// Two refusals are the same line read twice if all of this is equal, the time to the millisecond.
std::string told_apart_by(DecisionRecord const& decision)
{
    std::string key = std::to_string(decision.time.time_since_epoch().count());
    for (auto const* part : {&decision.queue_id, &decision.instance, &decision.state, &decision.tenant, &decision.sender, &decision.client,
                             &decision.recipient, &decision.reply}) {
        key.append(1, '\0').append(*part);
    }
    return key;
}

}   // namespace

std::string_view enhanced_code(std::string_view reply)
{
    if (reply.size() > 4 && is_digit(reply[0]) && is_digit(reply[1]) && is_digit(reply[2])) reply.remove_prefix(4);
    auto const code = reply.substr(0, reply.find(' '));
    bool const is_code = code.size() >= 5 && is_digit(code[0]) && code[1] == '.';
    return is_code ? code : std::string_view{};
}

void Joiner::State::on_reject(PostfixLine const& line)
{
    bool const is_ours = ends_in_reason_word(line.text);   // its outcome comes from the decision line
    bool const counts = is_refusal(line) && is_permanent(line.text) && !is_ours;
    if (line.queue_id.empty()) {
        if (counts) tally_.add("postfix_rejects");
        return;
    }
    auto& message = message_of(line);
    if (!is_about_message(line)) {
        if (counts) refuse_recipient(message, line);
        return;
    }
    // The queue file goes, and before 3.10 no line says so.
    if (message.state.ended) return;
    if (is_discard(line)) refuse_message(message, Status::Deleted, line.time, "", line.text);
    else if (counts) refuse_message(message, Status::Rejected, line.time, enhanced_code(line.text), line.text);
    else if (!is_ours) forget_placeholders(message.state);   // 4xx: the client comes again
    if (counts) tally_.add("postfix_rejects");
    end(message);
}

void Joiner::State::refuse_message(HeldMessage& held, Status status, base::Time time, std::string_view dsn, std::string_view reason)
{
    finish_rest(carried(held), status, time, dsn, reason);
}

void Joiner::State::refuse_recipient(HeldMessage& held, PostfixLine const& line)
{
    auto& recipients = held.state.recipients;
    for (auto const& one : recipients) {
        if (one.recipient == line.to && one.status != Status::Accepted) return;   // the same line again
    }
    auto& recipient = recipients.emplace_back();
    recipient.recipient = line.to;
    recipient.status = Status::Rejected;
    recipient.changed = line.time;
    recipient.dsn = enhanced_code(line.text);
    recipient.reason = line.text;
    recipient.provider = kLocal;
    tally_.add("postfix_rejects");
    table_.touch(held);
    account(held.state, recipient);
}

// A refusal of the gate before the end of a message: of a client, a sender or a recipient. It may have no queue id, and the
// message it would have belonged to may never be, or go to others: it stands alone.
void Joiner::State::stand_alone(DecisionRecord const& decision)
{
    if (decision.tenant.empty()) return;
    MessageState refusal;
    refusal.refusal = refusal.decided = refusal.ended = true;
    refusal.queue_id = decision.queue_id;
    refusal.tenant = decision.tenant;
    refusal.ticket = decision.ticket;
    refusal.message_id = decision.message_id;
    refusal.sender = decision.sender;
    refusal.client = decision.client;
    refusal.began = refusal.changed = refusal.decided_at = decision.time;
    auto& recipient = refusal.recipients.emplace_back();
    recipient.recipient = decision.recipient;
    recipient.status = Status::Rejected;
    recipient.changed = decision.time;
    recipient.dsn = enhanced_code(decision.reply);
    recipient.reason = decision.reply;
    recipient.provider = kLocal;

    if (!refusals_taken_.insert(told_apart_by(decision)).second) return;
    auto const stored = store_.has_refusal(refusal);
    if (!stored && !trouble_) trouble_ = stored.error();
    if (!stored || *stored) return;
    auto& kept = refusals_.emplace_back(std::move(refusal));
    account(kept, kept.recipients.front());
}

}   // namespace mailcore::outcomes
