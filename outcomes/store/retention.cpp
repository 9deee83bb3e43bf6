#include "outcomes/store/retention.hpp"

#include <algorithm>
#include <vector>

#include "outcomes/store/event_rows.hpp"
#include "outcomes/store/schema.hpp"

namespace mailcore::outcomes {
namespace {

constexpr int kMessagesInPiece = 500;
constexpr auto kOpenForGood = std::chrono::days{365};
constexpr int kTermsInPiece = 20'000;
constexpr int kPagesInPiece = 1'000;

}   // namespace

// What stays: messages that are open, or whose events wait. A message that never got so far that Postfix queued it or the
// gate let it pass (a client that hung up) is not open, though no line has ended it. And one of which nothing was heard for a
// year is not, either: `postsuper -d ALL` does not say which ones it deletes. What was given up goes with its message: an
// application that is gone for good must not keep personal data beyond the retention, nor fill the disk. But it is counted, so
// that `queue failed` names it.
Retention::Retention(Database& database)
    : database_{database},
      candidates_{database,
                  "SELECT id, began, changed < ?2 AND (ended = 1 OR (expected = 0 AND decided = 0) OR lost = 1 OR changed < ?4) AND NOT EXISTS (SELECT 1 FROM "
                  "events e INDEXED BY events_message WHERE e.message = messages.id AND e.state < 3) FROM messages WHERE id > ?1 "
                  "ORDER BY id LIMIT ?3"},
      delete_failed_{database, "DELETE FROM events INDEXED BY events_message WHERE message = ? AND state = 4"},
      count_forgotten_{database, "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2"},
      delete_events_{database, "DELETE FROM events WHERE message = ?"},
      delete_recipients_{database, "DELETE FROM recipients WHERE message = ?"},
      delete_message_{database, "DELETE FROM messages WHERE id = ?"},
      delete_terms_{database,
                    "DELETE FROM terms WHERE (slice, hash, message) IN (SELECT slice, hash, message FROM terms WHERE slice < "
                    "coalesce((SELECT min(id) FROM messages), (SELECT value FROM numbers WHERE name = 'message')) >> ?1 ORDER BY slice LIMIT ?2)"}
{
}

bool Retention::forget_before(base::Time time)
{
    return forget_messages(time) || forget_terms() || give_back_pages();
}

bool Retention::forget_messages(base::Time time)
{
    std::vector<std::int64_t> old;
    int seen = 0;
    bool all_young = true;
    {
        Use row{candidates_};
        row->bind(walked_to_, time, kMessagesInPiece, time - kOpenForGood);
        for (; row->step(); ++seen) {
            walked_to_ = row->number(0);
            if (row->time(1) < time) all_young = false;
            if (row->number(2) != 0) old.push_back(row->number(0));
        }
    }
    for (auto const id : old) forget_message(id);
    bool const more = seen == kMessagesInPiece && !all_young;
    if (!more) walked_to_ = 0;   // the next time from the start again: what was open then may have ended
    return more;
}

void Retention::forget_message(std::int64_t id)
{
    delete_failed_.bind(id).run();
    if (auto const failed = database_.rows_changed(); failed > 0) count_forgotten_.bind(kForgottenCounter, failed).run();
    for (auto* statement : {&delete_events_, &delete_recipients_, &delete_message_}) statement->bind(id).run();
}

bool Retention::forget_terms()
{
    delete_terms_.bind(kSliceBits, kTermsInPiece).run();
    return database_.rows_changed() == kTermsInPiece;
}

// A tenth of the file stays free: what comes next needs it.
bool Retention::give_back_pages()
{
    auto const spare = database_.number("PRAGMA freelist_count") - database_.number("PRAGMA page_count") / 10;
    if (spare <= 0) return false;
    database_.execute("PRAGMA incremental_vacuum(" + std::to_string(std::min<std::int64_t>(spare, kPagesInPiece)) + ")");
    return spare > kPagesInPiece;
}

}   // namespace mailcore::outcomes
