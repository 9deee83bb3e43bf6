// Where outcomes, the webhook's queue and the read positions are kept. One interface; SQLite is the first implementation
// (sqlite_store.hpp), PostgreSQL may be the next.
//
// A batch is one transaction: what was read from the logs, what follows from it, and how far the logs were read. So after
// a kill at any moment nothing is lost and nothing is doubled.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "outcomes/outcome.hpp"

namespace mailcore::outcomes {

// One recipient of a message as it stands.
struct RecipientState {
    std::int64_t row = 0;        // 0 = not stored yet; else the number of its last change
    bool dirty = true;           // differs from what is stored
    std::string recipient, orig_to, relay, provider, dsn, reason, notification_id;
    Status status = Status::Accepted;
    std::uint32_t attempts = 0;
    base::Time changed{};
    std::string via;             // queue id under which it travels on (content filter, postsuper -r); "" = the message's own
    std::string told_dsn;        // of the DEFERRED event last made; "" = none yet
    base::Time told_at{};        // its time
    bool told = false;           // the final event was made
    bool counted = false;        // the final state is in the counters
    std::uint32_t deferrals_counted = 0;
};

// One queue file of one Postfix, from its first line to qmgr's "removed"; or one refusal of the gate before the end of a
// message, which stands alone.
struct MessageState {
    std::int64_t row = 0;        // 0 = not stored yet
    std::string instance, queue_id;          // instance "": only the gate has told of it
    std::string tenant, ticket, message_id, sender, client;
    base::Time began{}, changed{};           // Postfix's first and last line; before one is seen, the decision's time
    base::Time decided_at{};     // of the gate's decision at the end of the message
    std::uint64_t size = 0;
    std::uint32_t recipients_expected = 0;   // nrcpt
    bool decided = false;        // the gate's decision line was read: tenant and ticket are known, or known to be none
    bool opened = false;         // smtpd's or pickup's first line was read
    bool seen = false;           // Postfix's log has it
    bool ended = false;          // removed, deleted, canceled
    bool lost = false;           // decided, and not seen within the grace
    bool refusal = false;        // a refusal of the gate before the end of a message
    std::string notification_of; // queue id of the original, where this is a bounce that Postfix wrote
    std::string hop_of;          // queue id of the message that a content filter re-injected as this one, or that was requeued
    std::string hop_instance;    // and its instance
    std::vector<RecipientState> recipients;
    std::vector<std::int64_t> forgotten;     // rows of recipients that are none any more
};

// How far a source was read: opaque to the store.
using Positions = std::map<std::string, std::string>;   // "mail_log", "decision_log" → text of the follower

// For the webhook, about a message of the batch or an older one. Without the message, the newest of that instance and
// queue id is meant.
struct Event : Outcome {
    Event(Outcome outcome, MessageState const* about = nullptr) : Outcome{std::move(outcome)}, message{about} {}
    MessageState const* message;
};

struct Batch {
    std::vector<MessageState*> messages;   // changed ones; their `row` and their recipients' `row` and `dirty` are set
    std::vector<Event> events;             // in order
    std::map<std::string, std::uint64_t> counters;   // added to those stored
    Positions positions;
    std::optional<base::Error> trouble;    // the joiner could not look into the store: apply() fails with it
};

struct Recent {
    std::vector<MessageState> messages;    // those that are open and the newest that have ended, the older ones first
    base::Time latest{};                   // Postfix's last line about any of them
    bool has_all_open = true;              // false: there are more than so many
};

struct Query {
    std::optional<std::string> ticket = {}, tenant = {}, queue_id = {}, message_id = {}, recipient = {};
    std::optional<Status> status = {};
    std::optional<base::Time> since = {}, until = {};
    std::size_t most = 100;                // newest first
    std::int64_t after_change = 0;         // for --follow: only changes later than this, oldest first
};
struct Found {
    std::vector<Outcome> outcomes;
    std::int64_t last_change = 0;          // for the next after_change
};

// Recipients that are accepted or deferred, so in Postfix's queue, by provider of the last attempt ("" before the first).
struct OpenCount {
    std::string provider, tenant;
    std::uint64_t count = 0;
};

struct QueuedEvent {
    std::int64_t id = 0;
    Outcome outcome;
    std::uint32_t attempts = 0;            // before this one
    base::Time first_tried{};              // this time, if it is the first
};
struct QueueStats {
    std::uint64_t pending = 0, sending = 0, sent = 0, failed = 0;
    std::uint64_t forgotten = 0;           // failed ones that forget_before() has deleted
    base::Time oldest_pending{};           // sentAt of the oldest that is not told yet; epoch = none
};
struct FailedEvent {
    std::int64_t id = 0;
    Outcome outcome;
    std::uint32_t attempts = 0;
    std::string error;
    base::Time failed_at{};
};

// Safe from several threads (each call is one transaction); failures are the disk's.
class OutcomeStore {
public:
    virtual ~OutcomeStore() = default;

    virtual base::Result<> apply(Batch& batch) = 0;
    virtual base::Result<Positions> positions() = 0;
    virtual base::Result<std::map<std::string, std::uint64_t>> counters() = 0;
    // What a joiner has to have in memory when it begins.
    virtual base::Result<Recent> recent(std::size_t most_open, std::size_t most_ended) = 0;
    // Messages of any instance by queue id, newest first, with their recipients: for what the joiner does not hold in memory.
    // May take a millisecond in a large store.
    virtual base::Result<std::vector<MessageState>> find(std::string const& queue_id, std::size_t most) = 0;
    // Is this very refusal of the gate known? Its line may come twice.
    virtual base::Result<bool> has_refusal(MessageState const& refusal) = 0;
    // Passed by the gate before `before`, neither seen in Postfix's log nor counted as lost; oldest first.
    virtual base::Result<std::vector<MessageState>> decided_but_unseen(base::Time before, std::size_t most) = 0;

    virtual base::Result<Found> query(Query const& query) = 0;
    // The largest `most` pairs; what is beyond is one more, "other". Reads only what is open (an index), for each scrape.
    virtual base::Result<std::vector<OpenCount>> open_recipients(std::size_t most) = 0;

    // The webhook's queue. Per message only its oldest unsent event is due; those that wait behind it keep their order.
    virtual base::Result<std::vector<QueuedEvent>> take_due(base::Time now, std::size_t most) = 0;   // they are `sending` then
    virtual base::Result<> sent(std::span<std::int64_t const> ids, base::Time now) = 0;
    virtual base::Result<> try_again(std::span<std::int64_t const> ids, base::Time at, std::string const& error) = 0;
    virtual base::Result<> give_up(std::span<std::int64_t const> ids, base::Time now, std::string const& error) = 0;
    virtual base::Result<> resume_sending() = 0;                              // at the start: `sending` becomes `pending`
    // What is due after `latest` is due at `now`: nothing waits that long, so the clock was set back.
    virtual base::Result<> bring_forward(base::Time latest, base::Time now) = 0;
    virtual base::Result<std::optional<base::Time>> next_due() = 0;
    virtual base::Result<QueueStats> queue_stats() = 0;
    virtual base::Result<std::vector<FailedEvent>> failed_events(std::size_t most) = 0;
    virtual base::Result<std::size_t> retry_failed(std::size_t most) = 0;     // oldest first; they become pending

    // A bounded piece of work; true while there is more. Messages that are open (at most a year longer), or whose events wait,
    // stay.
    virtual base::Result<bool> forget_before(base::Time time) = 0;
};

}   // namespace mailcore::outcomes
