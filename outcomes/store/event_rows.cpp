#include "outcomes/store/event_rows.hpp"

namespace mailcore::outcomes {
namespace {

static_assert(static_cast<int>(EventState::Sent) == 3, "the index events_state says so");
static_assert(static_cast<int>(EventState::Failed) == 4, "retention says so");

constexpr std::string_view kSentCounter = "webhook|sent";   // goes on where sent events are forgotten

// In the order of read_outcome(), from column 4 on.
#define MAILCORE_EVENT_COLUMNS                                                                                                   \
    "e.id, e.attempts, e.first_tried, e.finished, e.event_id, e.status, e.at, e.deliveries, e.recipient, e.orig_to, e.relay, e.dsn, " \
    "e.reason, e.notification_id, m.queue_id, m.ticket, m.message_id, m.sender, "                                                \
    "(SELECT name FROM names WHERE id = e.provider), (SELECT name FROM names WHERE id = m.tenant), "                             \
    "(SELECT name FROM names WHERE id = m.instance), e.error FROM events e INDEXED BY events_state JOIN messages m ON m.id = e.message"

Outcome read_outcome(Statement const& row)
{
    Outcome outcome;
    outcome.event_id = row.text(4);
    outcome.status = static_cast<Status>(row.number(5));
    outcome.sent_at = row.time(6);
    outcome.attempts = static_cast<std::uint32_t>(row.number(7));
    outcome.recipient = row.text(8);
    outcome.original_recipient = row.text(9);
    outcome.relay = row.text(10);
    outcome.dsn = row.text(11);
    outcome.reason = row.text(12);
    outcome.notification_id = row.text(13);
    outcome.queue_id = row.text(14);
    outcome.ticket_id = row.text(15);
    outcome.message_id = row.text(16);
    outcome.sender = row.text(17);
    outcome.provider = row.text(18);
    outcome.tenant_id = row.text(19);
    outcome.postfix_instance = row.text(20);
    return outcome;
}

std::uint64_t counted(Database& database, std::string_view name)
{
    Statement counter{database, "SELECT value FROM counters WHERE name = ?"};
    return counter.bind(name).step() ? static_cast<std::uint64_t>(counter.number(0)) : 0;
}

}   // namespace

EventRows::EventRows(Database& database, Names& names)
    : names_{names},
      insert_{database,
              "INSERT INTO events (id, message, state, due, attempts, first_tried, finished, error, event_id, status, at, deliveries, "
              "provider, recipient, orig_to, relay, dsn, reason, notification_id) "
              "VALUES (?1, ?2, ?3, 0, 0, 0, 0, '', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"},
      has_unsent_{database, "SELECT 1 FROM events INDEXED BY events_message WHERE message = ? AND state < 3 LIMIT 1"},
      due_{database, "SELECT " MAILCORE_EVENT_COLUMNS " WHERE e.state <> 3 AND e.state = 0 AND e.due <= ? ORDER BY e.due, e.id LIMIT ?"},
      take_{database, "UPDATE events SET state = 1, first_tried = ?2 WHERE id = ?1"},
      // What is sent keeps its id and when; the content stands in the recipient's row.
      sent_{database,
            "UPDATE events SET state = 3, attempts = attempts + 1, finished = ?2, error = '', relay = '', dsn = '', reason = '', "
            "recipient = '', orig_to = '' WHERE id = ?1"},
      try_again_{database, "UPDATE events SET state = 0, attempts = attempts + 1, due = ?2, error = ?3 WHERE id = ?1"},
      give_up_{database,
               "UPDATE events SET state = 4, attempts = attempts + 1, due = ?2, finished = ?2, error = ?3 WHERE id = ?1"},
      next_{database,
            "UPDATE events SET state = 0 WHERE id = (SELECT id FROM events INDEXED BY events_message WHERE message = ?1 AND state = 2 "
            "ORDER BY id LIMIT 1)"},
      message_of_{database, "SELECT message FROM events WHERE id = ?"},
      resume_{database, "UPDATE events INDEXED BY events_state SET state = 0 WHERE state <> 3 AND state = 1"},
      forward_{database, "UPDATE events INDEXED BY events_state SET due = ?2 WHERE state <> 3 AND state = 0 AND due > ?1"},
      failed_{database, "SELECT id FROM events INDEXED BY events_state WHERE state <> 3 AND state = 4 ORDER BY due, id LIMIT ?"},
      retry_{database, "UPDATE events SET state = ?2, due = 0, attempts = 0, first_tried = 0, finished = 0, error = '' WHERE id = ?1"},
      count_sent_{database, "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2"},
      read_number_{database, "SELECT value FROM numbers WHERE name = 'event'"},
      write_number_{database, "UPDATE numbers SET value = ? WHERE name = 'event'"}
{
}

void EventRows::read_numbers()
{
    Use number{read_number_};
    last_ = number->step() ? number->number(0) : 0;
}

void EventRows::flush() { write_number_.bind(last_).run(); }

void EventRows::insert(Outcome const& event, std::int64_t message)
{
    auto const state = has_unsent(message) ? EventState::Waiting : EventState::Pending;
    insert_
        .bind(++last_, message, state, event.event_id, event.status, event.sent_at, event.attempts, names_.number_of(event.provider),
              event.recipient, event.original_recipient, event.relay, event.dsn, event.reason, event.notification_id)
        .run();
}

bool EventRows::has_unsent(std::int64_t message)
{
    Use row{has_unsent_};
    return row->bind(message).step();
}

std::vector<QueuedEvent> EventRows::take_due(base::Time now, std::size_t most)
{
    std::vector<QueuedEvent> events;
    {
        Use row{due_};
        row->bind(now, most);
        while (row->step()) {
            QueuedEvent event{row->number(0), read_outcome(due_), static_cast<std::uint32_t>(row->number(1)), row->time(2)};
            bool const was_tried = event.first_tried != base::Time{} && event.first_tried <= now;   // else the clock was set back
            if (!was_tried) event.first_tried = now;
            events.push_back(std::move(event));
        }
    }
    for (auto const& event : events) take_.bind(event.id, event.first_tried).run();
    return events;
}

void EventRows::sent(std::span<std::int64_t const> ids, base::Time now)
{
    for (auto const id : ids) {
        sent_.bind(id, now).run();
        next_of(message_of(id));
    }
    count_sent_.bind(kSentCounter, ids.size()).run();
}

void EventRows::try_again(std::span<std::int64_t const> ids, base::Time at, std::string const& error)
{
    for (auto const id : ids) try_again_.bind(id, at, error).run();
}

void EventRows::give_up(std::span<std::int64_t const> ids, base::Time now, std::string const& error)
{
    for (auto const id : ids) {
        give_up_.bind(id, now, error).run();
        next_of(message_of(id));
    }
}

void EventRows::resume_sending() { resume_.run(); }

void EventRows::bring_forward(base::Time latest, base::Time now) { forward_.bind(latest, now).run(); }

std::size_t EventRows::retry_failed(std::size_t most)
{
    std::vector<std::int64_t> ids;
    {
        Use row{failed_};
        row->bind(most);
        while (row->step()) ids.push_back(row->number(0));
    }
    for (auto const id : ids) retry(id);
    return ids.size();
}

// Behind one of its message that is on its way; before all others that wait.
void EventRows::retry(std::int64_t id)
{
    retry_.bind(id, has_unsent(message_of(id)) ? EventState::Waiting : EventState::Pending).run();
}

void EventRows::next_of(std::int64_t message) { next_.bind(message).run(); }

std::int64_t EventRows::message_of(std::int64_t event)
{
    Use row{message_of_};
    return row->bind(event).step() ? row->number(0) : 0;
}

// --- Reading

std::optional<base::Time> next_due(Database& database)
{
    Statement row{database,
                  "SELECT due FROM events INDEXED BY events_state WHERE state <> 3 AND state = 0 ORDER BY due LIMIT 1"};
    if (!row.step()) return std::nullopt;
    return row.time(0);
}

QueueStats queue_stats(Database& database)
{
    QueueStats stats;
    std::int64_t oldest = 0;
    Statement row{database, "SELECT state, count(*), min(id) FROM events INDEXED BY events_state WHERE state <> 3 GROUP BY state"};
    while (row.step()) {
        auto const count = static_cast<std::uint64_t>(row.number(1));
        switch (static_cast<EventState>(row.number(0))) {
            case EventState::Sending: stats.sending += count; break;
            case EventState::Failed: stats.failed += count; continue;
            case EventState::Pending:
            case EventState::Waiting:
            case EventState::Sent: stats.pending += count; break;
        }
        if (oldest == 0 || row.number(2) < oldest) oldest = row.number(2);
    }
    Statement at{database, "SELECT at FROM events WHERE id = ?"};
    if (oldest != 0 && at.bind(oldest).step()) stats.oldest_pending = at.time(0);
    stats.sent = counted(database, kSentCounter);
    stats.forgotten = counted(database, kForgottenCounter);
    return stats;
}

std::vector<FailedEvent> failed_events(Database& database, std::size_t most)
{
    std::vector<FailedEvent> events;
    Statement row{database, "SELECT " MAILCORE_EVENT_COLUMNS " WHERE e.state <> 3 AND e.state = 4 ORDER BY e.due, e.id LIMIT ?"};
    row.bind(most);
    while (row.step()) {
        events.push_back({row.number(0), read_outcome(row), static_cast<std::uint32_t>(row.number(1)), row.string(21), row.time(3)});
    }
    return events;
}

}   // namespace mailcore::outcomes
