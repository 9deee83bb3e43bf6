// The one door to LMDB: a table of keys and values in a directory of its own, that several processes may have open.
//
//     auto transaction = environment->begin(lmdb::Access::Write);
//     if (auto done = transaction->put("key", "value"); !done) return base::fail(done.error());
//     return transaction->commit();
//
// LMDB maps the table into memory, so that a file which somebody cuts short or overwrites would be SIGBUS or worse. Hence
// each transaction first looks whether the files are whole, and fails in words where they are not; and what befalls them
// meanwhile ends the call and not the process (lmdb_guard.hpp). lmdb_table.hpp heals.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/store/lmdb_files.hpp"

struct MDB_cursor;
struct MDB_env;
struct MDB_txn;

namespace mailcore::store::lmdb {

inline constexpr std::size_t kLongestKey = 511;

enum class Access : std::uint8_t { Read, Write };
enum class Sync : std::uint8_t { Never, EachChange };   // Never: kill -9 is safe, a power cut may damage the table

struct Options {
    std::string name;        // what errors call the table: "lmdb:/var/lib/mailcore/limits", "certificate notes"
    std::string directory;   // made where there is none
    std::size_t bytes = 0;   // that the file may grow to
    Sync sync = Sync::Never;
};

class Transaction;

// A table that is open. Safe from many threads, which share it by shared_ptr; one process must not open a table twice.
class Environment : public std::enable_shared_from_this<Environment> {
public:
    struct Failure {
        std::string words;      // without the table's name
        bool damaged = false;   // what is in the files, not how they can be reached
    };
    // The caller holds the directory (lmdb_files.hpp). Reads the whole table once to see that it is sound.
    static base::Result<std::shared_ptr<Environment>, Failure> open(Options const& options);

    explicit Environment(Options const& options) : options_{options} {}   // for open() only
    Environment(Environment const&) = delete;
    Environment& operator=(Environment const&) = delete;
    ~Environment();

    base::Result<Transaction> begin(Access access);

    // What others have done to the files, without reading them all; `None` if they are whole.
    Trouble trouble() const;
    // LMDB itself has met something in them that must not be.
    bool is_suspect() const { return suspect_; }
    FileIds files() const;
    std::future<void> when_closed() { return closed_.get_future(); }   // once: to wait until the last thread has let go of it

    std::uint64_t last_change() const;         // a number that each commit makes larger; the files are whole
    base::Result<> forget_dead_readers();      // of processes that were killed while they read

private:
    friend class Transaction;
    base::Result<void, Failure> open_files(base::Fd data);
    base::Result<std::string, Failure> find_damage();
    int data_descriptor() const;
    base::Error error(std::string const& doing, int status);

    Options options_;
    MDB_env* handle_ = nullptr;
    WatchedFile data_;
    WatchedFile lock_;
    std::mutex writers_;   // of this process queue here, so that each looks at the files when its turn has come
    mutable std::atomic<bool> suspect_ = false;
    std::promise<void> closed_;
};

// One view of the table; given up unless committed. Belongs to one thread.
class Transaction {
public:
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    // Valid until the next call.
    base::Result<std::optional<std::string_view>> get(std::string_view key) const;
    // All from this key on, in order, until `visit` says false. It must change nothing.
    base::Result<> walk(std::string_view from, std::function<bool(std::string_view key, std::string_view value)> const& visit) const;

    base::Result<> put(std::string_view key, std::string_view value);
    base::Result<bool> erase(std::string_view key);   // false: there was none
    base::Result<> commit();

    std::uint64_t change() const;   // as Environment::last_change(): what a reader sees, what a writer makes
    std::size_t entries() const;
    std::size_t bytes_in_use() const;   // without what is free within the file

private:
    friend class Environment;
    Transaction(std::shared_ptr<Environment> environment, std::unique_lock<std::mutex> turn)
        : environment_{std::move(environment)}, turn_{std::move(turn)}
    {
    }

    base::Result<MDB_cursor*> cursor() const;
    void close_cursor();

    std::shared_ptr<Environment> environment_;
    std::unique_lock<std::mutex> turn_;
    MDB_txn* handle_ = nullptr;
    mutable std::string value_;
    mutable MDB_cursor* cursor_ = nullptr;   // one for all: what stands together is found from where it stands
};

}   // namespace mailcore::store::lmdb
