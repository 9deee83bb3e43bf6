#include "outcomes/store/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <mutex>
#include <utility>

#include "core/base/fd.hpp"
#include "outcomes/store/database.hpp"
#include "outcomes/store/event_rows.hpp"
#include "outcomes/store/message_rows.hpp"
#include "outcomes/store/names.hpp"
#include "outcomes/store/retention.hpp"
#include "outcomes/store/schema.hpp"
#include "outcomes/store/search.hpp"

namespace mailcore::outcomes {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr auto kDirectoryMode = std::filesystem::perms{0750};

// Measured with ten million lines: a larger cache or page wins nothing, since only the newest part of each table and index
// is written; the later a checkpoint, the fewer pages it writes: 64 MiB instead of 16 save a sixth of all writing. The
// journal's file shrinks back to that. Foreign keys are for those who look into the file: what is written here refers to what
// was written before it, and to ask again costs a fifth of the time, most of it for the statement journals that this brings.
constexpr std::string_view kWriterSettings =
    "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864; "
    "PRAGMA foreign_keys = OFF";
constexpr std::string_view kReaderSettings = "PRAGMA cache_size = -4096";

// What is thrown in this folder becomes a Result here.
template <class Work>
auto guarded(Work work) -> base::Result<decltype(work())>
{
    try {
        if constexpr (std::is_void_v<decltype(work())>) return work(), base::Result<>{};
        else return work();
    } catch (DatabaseError const& error) {
        return base::fail(error.what());
    }
}

// What writes: one connection, one thread at a time. Reads of the joiner go here, too: what they need was written lately and
// lies in this connection's cache.
struct Writer {
    explicit Writer(std::string const& path) : database{path, Database::Access::Write}
    {
        upgrade_schema(database, schema_steps());
        database.execute(kWriterSettings);
        parts = std::make_unique<Parts>(database);
    }

    struct Parts {   // their statements need the tables
        explicit Parts(Database& database)
            : names{database},
              messages{database, names},
              events{database, names},
              retention{database},
              add_to_counter{database, "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2"},
              set_position{database, "INSERT INTO positions VALUES (?1, ?2) ON CONFLICT (source) DO UPDATE SET position = ?2"}
        {
        }
        Names names;
        MessageRows messages;
        EventRows events;
        Retention retention;
        Statement add_to_counter, set_position;
    };

    // All or nothing, in the file as in memory.
    template <class Work>
    auto write(Work work)
    {
        return guarded([&] {
            std::lock_guard const lock{mutex};
            return transaction(work);
        });
    }

    template <class Work>
    auto look_up(Work work)
    {
        return guarded([&] {
            std::lock_guard const lock{mutex};
            return work(*parts);
        });
    }

    std::mutex mutex;
    Database database;
    std::unique_ptr<Parts> parts;

private:
    template <class Work>
    auto transaction(Work work)
    {
        try {
            Transaction transaction{database};
            parts->messages.read_numbers();
            parts->events.read_numbers();
            if constexpr (std::is_void_v<decltype(work())>) {
                work();
                transaction.commit();
            } else {
                auto result = work();
                transaction.commit();
                return result;
            }
        } catch (...) {
            parts->names.forget();
            parts->messages.forget_numbers();
            throw;
        }
    }
};

struct Reader {
    explicit Reader(std::string const& path) : database{path, Database::Access::Read} { database.execute(kReaderSettings); }

    // One read transaction: all of it sees the same state, and no writer waits for it.
    template <class Work>
    auto read(Work work)
    {
        return guarded([&] {
            std::lock_guard const lock{mutex};
            ReadTransaction const transaction{database};
            return work(database);
        });
    }

    std::mutex mutex;
    Database database;
};

class SqliteStore : public OutcomeStore {
public:
    explicit SqliteStore(std::string const& path) : writer_{path}, reader_{path} {}

    // --- The joiner

    base::Result<> apply(Batch& batch) override
    {
        if (batch.trouble) return base::fail(*batch.trouble);
        Undo undo;
        auto stored = writer_.write([&] { write_batch(batch, undo); });
        if (stored) become_clean(batch);
        else undo.undo();
        return stored;
    }

    base::Result<Positions> positions() override
    {
        return reader_.read([](Database& database) {
            Positions positions;
            Statement row{database, "SELECT source, position FROM positions"};
            while (row.step()) positions.emplace(row.text(0), row.text(1));
            return positions;
        });
    }

    base::Result<std::map<std::string, std::uint64_t>> counters() override
    {
        return reader_.read([](Database& database) {
            std::map<std::string, std::uint64_t> counters;
            Statement row{database, "SELECT name, value FROM counters"};
            while (row.step()) counters.emplace(row.text(0), static_cast<std::uint64_t>(row.number(1)));
            return counters;
        });
    }

    base::Result<Recent> recent(std::size_t most_open, std::size_t most_ended) override
    {
        return writer_.look_up([&](Writer::Parts& parts) { return parts.messages.recent(most_open, most_ended); });
    }

    base::Result<std::vector<MessageState>> find(std::string const& queue_id, std::size_t most) override
    {
        return writer_.look_up([&](Writer::Parts& parts) { return parts.messages.find(queue_id, most); });
    }

    base::Result<bool> has_refusal(MessageState const& refusal) override
    {
        return writer_.look_up([&](Writer::Parts& parts) { return parts.messages.has_refusal(refusal); });
    }

    base::Result<std::vector<MessageState>> decided_but_unseen(base::Time before, std::size_t most) override
    {
        return writer_.look_up([&](Writer::Parts& parts) { return parts.messages.unseen(before, most); });
    }

    // --- The operator

    base::Result<Found> query(Query const& query) override
    {
        return reader_.read([&](Database& database) { return search(database, query); });
    }

    base::Result<std::vector<OpenCount>> open_recipients(std::size_t most) override
    {
        return reader_.read([&](Database& database) { return outcomes::open_recipients(database, most); });
    }

    // --- The webhook

    base::Result<std::vector<QueuedEvent>> take_due(base::Time now, std::size_t most) override
    {
        return writer_.write([&] { return events().take_due(now, most); });
    }
    base::Result<> sent(std::span<std::int64_t const> ids, base::Time now) override
    {
        return writer_.write([&] { events().sent(ids, now); });
    }
    base::Result<> try_again(std::span<std::int64_t const> ids, base::Time at, std::string const& error) override
    {
        return writer_.write([&] { events().try_again(ids, at, error); });
    }
    base::Result<> give_up(std::span<std::int64_t const> ids, base::Time now, std::string const& error) override
    {
        return writer_.write([&] { events().give_up(ids, now, error); });
    }
    base::Result<> resume_sending() override
    {
        return writer_.write([&] { events().resume_sending(); });
    }
    base::Result<> bring_forward(base::Time latest, base::Time now) override
    {
        return writer_.write([&] { events().bring_forward(latest, now); });
    }
    base::Result<std::optional<base::Time>> next_due() override
    {
        return reader_.read([](Database& database) { return outcomes::next_due(database); });
    }
    base::Result<QueueStats> queue_stats() override
    {
        return reader_.read([](Database& database) { return outcomes::queue_stats(database); });
    }
    base::Result<std::vector<FailedEvent>> failed_events(std::size_t most) override
    {
        return reader_.read([&](Database& database) { return outcomes::failed_events(database, most); });
    }
    base::Result<std::size_t> retry_failed(std::size_t most) override
    {
        return writer_.write([&] { return events().retry_failed(most); });
    }

    // --- Retention

    base::Result<bool> forget_before(base::Time time) override
    {
        return writer_.write([&] { return writer_.parts->retention.forget_before(time); });
    }

private:
    EventRows& events() { return writer_.parts->events; }

    void write_batch(Batch& batch, Undo& undo)
    {
        auto& parts = *writer_.parts;
        for (auto* message : batch.messages) parts.messages.write(*message, undo);
        parts.messages.flush();
        for (auto const& event : batch.events) parts.events.insert(event, row_of(event));
        parts.events.flush();
        for (auto const& [name, count] : batch.counters) parts.add_to_counter.bind(name, count).run();
        for (auto const& [source, position] : batch.positions) parts.set_position.bind(source, position).run();
    }

    std::int64_t row_of(Event const& event)
    {
        if (event.message != nullptr) return event.message->row;
        auto const row = writer_.parts->messages.newest(event.postfix_instance, event.queue_id);
        if (!row) throw DatabaseError{"event " + event.event_id + " belongs to no message"};
        return *row;
    }

    static void become_clean(Batch& batch)
    {
        for (auto* message : batch.messages) {
            message->forgotten.clear();
            for (auto& recipient : message->recipients) recipient.dirty = false;
        }
    }

    Writer writer_;
    Reader reader_;
};

// --- The file

// SQLite would make the file with the umask's mode; its -wal and -shm files get the mode of the file itself.
base::Result<> make_file(std::string const& path)
{
    base::Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode)};
    if (file) return ::fchmod(file.get(), kFileMode) == 0 ? base::Result<>{} : base::fail_errno("set the mode of " + path);
    if (errno == EEXIST) return {};
    return base::fail_errno("outcomes.store: cannot make " + path);
}

base::Result<> make_directory(std::filesystem::path const& directory)
{
    std::error_code failure;
    if (directory.empty() || std::filesystem::exists(directory, failure)) return {};
    std::filesystem::create_directories(directory, failure);
    if (failure) return base::fail("outcomes.store: cannot make " + directory.string() + ": " + failure.message());
    std::filesystem::permissions(directory, kDirectoryMode, failure);
    return {};
}

}   // namespace

base::Result<std::unique_ptr<OutcomeStore>> open_sqlite_store(std::string const& path)
{
    if (auto const made = make_directory(std::filesystem::path{path}.parent_path()); !made) return base::fail(made.error());
    if (auto const made = make_file(path); !made) return base::fail(made.error());
    auto store = guarded([&]() -> std::unique_ptr<OutcomeStore> { return std::make_unique<SqliteStore>(path); });
    if (!store) return base::fail(std::move(store.error()).within("outcomes.store"));
    return store;
}

base::Result<base::Fd> claim_sqlite_store(std::string const& path)
{
    if (auto const made = make_directory(std::filesystem::path{path}.parent_path()); !made) return base::fail(made.error());
    auto const lock = path + ".lock";   // not the file itself: closing it would drop SQLite's own locks
    base::Fd file{::open(lock.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kFileMode)};
    if (!file) return base::fail_errno("outcomes.store: cannot open " + lock);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (errno != EWOULDBLOCK) return base::fail_errno("outcomes.store: cannot lock " + lock);
    return base::fail("outcomes.store: another mailcore-outcomes stores in " + path + "; give each one its own");
}

}   // namespace mailcore::outcomes
