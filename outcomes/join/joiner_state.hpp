// The joiner's inside, by subject: messages.cpp (which message a line belongs to), deliveries.cpp (what became of recipients),
// hops.cpp (messages that travel on under another queue id), refusals.cpp, decisions.cpp, telling.cpp (events and counters).
//
// Postfix's own lines come in the order of their causes: a program logs before it tells the next one, and both rsyslog and
// the journal keep the order of arrival. Decisions are another file: they may be read long before or after.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "outcomes/join/joiner.hpp"
#include "outcomes/join/message_table.hpp"
#include "outcomes/join/providers.hpp"
#include "outcomes/join/tally.hpp"

namespace mailcore::outcomes {

class Joiner::State {
public:
    State(OutcomeStore& store, JoinOptions options);

    void take(PostfixLine const& line);
    void take(DecisionRecord const& decision);
    void look_for_losses(base::Time now);

    Batch& batch();
    void committed();
    void rolled_back();
    std::size_t held() const { return table_.size(); }

private:
    // What a delivery line is about: the queue file that was logged, and the message as its sender knows it.
    struct Carried {
        HeldMessage& own;
        HeldMessage& root;
        std::string_view via;   // own's queue id where it is another; else ""
    };

    // --- messages.cpp
    HeldMessage& message_of(PostfixLine const& line);          // made where it is new; the line is noted
    HeldMessage* known(PostfixLine const& line, HeldMessage*& superseded);
    void note(HeldMessage& message, PostfixLine const& line);
    void open(HeldMessage& message, PostfixLine const& line);
    void end(HeldMessage& message);
    void leave(Carried const& from);                           // no queue file carries what is not final
    void take_over_decision(HeldMessage& message, base::Time queued);
    void hand_on_decision(HeldMessage& former, HeldMessage& message);
    void move_decision(HeldMessage& from, HeldMessage& to);
    void end_abandoned(base::Time now);
    void mark_lost(HeldMessage& message);

    // --- deliveries.cpp
    void on_delivery(PostfixLine const& line);
    void on_expired(PostfixLine const& line);
    void on_deleted(PostfixLine const& line);
    void on_removed(PostfixLine const& line);
    void on_canceled(PostfixLine const& line);
    RecipientState& recipient_of(Carried const& carried, std::string_view to, std::string_view orig_to);
    void deliver(Carried const& carried, RecipientState& recipient, PostfixLine const& line);
    void finish_rest(Carried const& carried, Status status, base::Time time, std::string_view dsn, std::string_view reason);
    static void forget_placeholders(MessageState& message);

    // --- hops.cpp
    Carried carried(HeldMessage& own);
    HeldMessage& root_of(HeldMessage& message);
    HeldMessage* hop_target(Carried const& from, PostfixLine const& line);
    void hand_over(Carried const& from, RecipientState& recipient, PostfixLine const& line, HeldMessage& next);
    void link(HeldMessage& next, HeldMessage& root);
    void on_reinjected(HeldMessage& next, PostfixLine const& line);
    void on_requeued(HeldMessage& next, PostfixLine const& line);
    void on_notification(PostfixLine const& line);
    HeldMessage& notification_message(HeldMessage& about, PostfixLine const& line);
    static void forget_recipients(HeldMessage& message);

    // --- refusals.cpp
    void on_reject(PostfixLine const& line);
    void refuse_message(HeldMessage& message, Status status, base::Time time, std::string_view dsn, std::string_view reason);
    void refuse_recipient(HeldMessage& message, PostfixLine const& line);
    void stand_alone(DecisionRecord const& decision);

    // --- decisions.cpp
    void on_decision(DecisionRecord const& decision);
    HeldMessage* decided_message(DecisionRecord const& decision, bool& again);
    void decide(HeldMessage& message, DecisionRecord const& decision);
    static void fill_in_recipient(HeldMessage& message, std::string_view recipient);
    static void add_placeholder(HeldMessage& message, std::string_view recipient, base::Time time);

    // --- telling.cpp
    void account(HeldMessage& message);                        // all its recipients
    void account(MessageState& message, RecipientState& recipient);
    void count(MessageState const& message, RecipientState& recipient);
    void tell(MessageState const& message, RecipientState& recipient);

    void remember_tenants();

    OutcomeStore& store_;
    JoinOptions options_;
    Batch batch_;
    MessageTable table_;
    Providers providers_;
    Tally tally_;
    std::list<MessageState> refusals_;                  // of the gate that stand alone, since the last commit
    std::unordered_set<std::string> refusals_taken_;    // what they are told apart by
    std::optional<base::Error> trouble_;
};

inline constexpr auto kSlack = std::chrono::seconds{2};       // Postfix's log may have whole seconds only
inline constexpr auto kStragglers = std::chrono::minutes{5};   // a line may be that much later than the end of its message

// From smtpd's first line of a message to its end. Of one that took longer, qmgr's line shows whose decision it was.
inline constexpr auto kLongestSession = std::chrono::hours{1};

// cleanup names the Message-ID and the gate decides before qmgr has a message; then it cannot be another's any more.
inline bool was_queued(MessageState const& message) { return message.recipients_expected > 0; }

// Postfix logs "?" for each byte that is no printable ASCII, the decision line has the character or, where it is none, U+FFFD;
// so whatever is not printable counts as one "?". "" and "<>": there was none.
bool are_same_id(std::string_view left, std::string_view right);
inline bool is_id(std::string_view message_id) { return !message_id.empty() && message_id != "<>"; }
inline bool are_different_ids(std::string_view left, std::string_view right) { return is_id(left) && is_id(right) && !are_same_id(left, right); }

// The enhanced code at the start of a reply's text, behind its code if it has one: "5.7.1" of "554 5.7.1 Access denied".
std::string_view enhanced_code(std::string_view reply);

}   // namespace mailcore::outcomes
