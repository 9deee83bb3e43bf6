#include "outcomes/store/schema.hpp"

#include <array>

#include "outcomes/outcome.hpp"

namespace mailcore::outcomes {
namespace {

static_assert(static_cast<int>(Status::Sent) == kSentInSchema);

constexpr std::int64_t kApplication = 0x6D636F75;   // "mcou", in the file's header

// Version 1. What decides over size and speed:
//
// - A recipient's row is numbered by its last change: a change moves the row to the end. So --follow needs no index, and
//   new rows are appended. Tenant and time stand in it again, so that "newest first" is read off an index.
// - Ticket, Message-ID, queue id and recipient address are found by `terms`: a 64-bit number of the text, in slices of
//   32,768 messages. A plain index on such texts is written at random places; with a million messages that took ten times
//   as long as all the rest, and longer with each million more. Here only the newest slice is written, and a look-up asks
//   each slice once: some 30 a million messages, a microsecond or two each. The texts are compared afterwards, so that two
//   with one number do no harm. Terms go when the messages of a whole slice are gone.
// - Indices with a WHERE hold what is rare: what is open, has failed, waits.
// - Times are microseconds since 1970. Tenants, instances and providers are few: `names`.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO names VALUES (0, '');

CREATE TABLE messages (
  id              INTEGER PRIMARY KEY,
  instance        INTEGER NOT NULL REFERENCES names(id),
  queue_id        TEXT NOT NULL,
  tenant          INTEGER NOT NULL REFERENCES names(id),
  ticket          TEXT NOT NULL,
  message_id      TEXT NOT NULL,
  sender          TEXT NOT NULL,
  client          TEXT NOT NULL,
  began           INTEGER NOT NULL,
  changed         INTEGER NOT NULL,
  decided_at      INTEGER NOT NULL,
  size            INTEGER NOT NULL,
  expected        INTEGER NOT NULL,
  decided         INTEGER NOT NULL,
  opened          INTEGER NOT NULL,
  seen            INTEGER NOT NULL,
  ended           INTEGER NOT NULL,
  lost            INTEGER NOT NULL,
  refusal         INTEGER NOT NULL,
  notification_of TEXT NOT NULL,
  hop_of          TEXT NOT NULL,
  hop_instance    INTEGER NOT NULL REFERENCES names(id)
) STRICT;
CREATE INDEX messages_open ON messages(changed) WHERE ended = 0;
CREATE INDEX messages_unseen ON messages(decided_at) WHERE seen = 0 AND ended = 0 AND lost = 0;
CREATE INDEX messages_refusal ON messages(began) WHERE refusal = 1;

CREATE TABLE recipients (
  change            INTEGER PRIMARY KEY,
  message           INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  tenant            INTEGER NOT NULL REFERENCES names(id),
  status            INTEGER NOT NULL,
  at                INTEGER NOT NULL,
  attempts          INTEGER NOT NULL,
  provider          INTEGER NOT NULL REFERENCES names(id),
  open              INTEGER NOT NULL,
  told              INTEGER NOT NULL,
  counted           INTEGER NOT NULL,
  deferrals_counted INTEGER NOT NULL,
  told_at           INTEGER NOT NULL,
  recipient         TEXT NOT NULL,
  orig_to           TEXT NOT NULL,
  relay             TEXT NOT NULL,
  dsn               TEXT NOT NULL,
  reason            TEXT NOT NULL,
  notification_id   TEXT NOT NULL,
  via               TEXT NOT NULL,
  told_dsn          TEXT NOT NULL
) STRICT;
CREATE INDEX recipients_message ON recipients(message);
CREATE INDEX recipients_at ON recipients(at);
CREATE INDEX recipients_tenant ON recipients(tenant, at);
CREATE INDEX recipients_status ON recipients(status, at) WHERE status <> 2;
CREATE INDEX recipients_tenant_status ON recipients(tenant, status, at) WHERE status <> 2;
CREATE INDEX recipients_open ON recipients(provider, tenant) WHERE open = 1;

CREATE TABLE terms (
  slice   INTEGER NOT NULL,
  hash    INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (slice, hash, message)
) WITHOUT ROWID, STRICT;

CREATE TABLE events (
  id              INTEGER PRIMARY KEY,
  message         INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  state           INTEGER NOT NULL,
  due             INTEGER NOT NULL,
  attempts        INTEGER NOT NULL,
  first_tried     INTEGER NOT NULL,
  finished        INTEGER NOT NULL,
  error           TEXT NOT NULL,
  event_id        TEXT NOT NULL,
  status          INTEGER NOT NULL,
  at              INTEGER NOT NULL,
  deliveries      INTEGER NOT NULL,
  provider        INTEGER NOT NULL REFERENCES names(id),
  recipient       TEXT NOT NULL,
  orig_to         TEXT NOT NULL,
  relay           TEXT NOT NULL,
  dsn             TEXT NOT NULL,
  reason          TEXT NOT NULL,
  notification_id TEXT NOT NULL
) STRICT;
CREATE INDEX events_message ON events(message);
CREATE INDEX events_state ON events(state, due) WHERE state <> 3;

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE positions (source TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID, STRICT;

CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO numbers VALUES ('message', 0), ('change', 0), ('event', 0);
)sql";

constexpr std::array kSteps{kVersion1};

void refuse_foreign(Database& database, std::int64_t version)
{
    bool const is_empty = version == 0 && database.number("SELECT count(*) FROM sqlite_schema") == 0;
    if (is_empty || database.number("PRAGMA application_id") == kApplication) return;
    throw DatabaseError{database.path() + ": an SQLite file, but no store of outcomes; name another in outcomes.store"};
}

void refuse_newer(Database& database, std::int64_t version, std::size_t known)
{
    if (version <= static_cast<std::int64_t>(known)) return;
    throw DatabaseError{database.path() + ": written by a newer mailcore (schema " + std::to_string(version) + ", this one knows " +
                        std::to_string(known) + "); install that version again, or move the file away to begin anew"};
}

void refuse_what_is_not_ours(Database& database, std::size_t known)
{
    auto const version = database.number("PRAGMA user_version");
    refuse_foreign(database, version);
    refuse_newer(database, version, known);
}

// In WAL, readers and the writer do not wait for each other. NORMAL: a commit is not synced to the disk, so a power cut may
// take the last ones away; but what was read from the logs and how far they were read are one transaction, so the file
// only goes back to an earlier state that is consistent, and the lines are read again.
void prepare_file(Database& database)
{
    if (database.number("PRAGMA user_version") == 0) database.execute("PRAGMA auto_vacuum = INCREMENTAL");   // before the first table
    database.execute("PRAGMA journal_mode = WAL");
}

}   // namespace

std::span<std::string_view const> schema_steps() { return kSteps; }

void upgrade_schema(Database& database, std::span<std::string_view const> steps)
{
    refuse_what_is_not_ours(database, steps.size());
    prepare_file(database);
    for (;;) {
        Transaction transaction{database};   // another process may do the same: the version is asked again inside
        auto const version = database.number("PRAGMA user_version");
        if (version == static_cast<std::int64_t>(steps.size())) return;
        database.execute(steps[static_cast<std::size_t>(version)]);
        database.execute("PRAGMA application_id = " + std::to_string(kApplication));
        database.execute("PRAGMA user_version = " + std::to_string(version + 1));
        transaction.commit();
    }
}

}   // namespace mailcore::outcomes
