#include "core/store/lmdb.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <lmdb.h>

#include "core/store/lmdb_check.hpp"
#include "core/store/lmdb_guard.hpp"

namespace mailcore::store::lmdb {
namespace {

constexpr MDB_dbi kTable = 1;              // LMDB's number of the one table that has no name
constexpr unsigned kMostReaders = 1'022;   // at once, of all processes: then the lock file is 64 KiB (lmdb_files.cpp)

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

std::string why(int status)
{
    switch (status) {
        case MDB_MAP_FULL: return "the table is full";
        case MDB_TXN_FULL: return "too many changes at once";
        case MDB_READERS_FULL: return "too many readers at once";
        case MDB_VERSION_MISMATCH: return "another version of LMDB has it open";
        case MDB_PANIC: return "an earlier write failed halfway; it must be opened again";
        case kFault:
        case MDB_CORRUPTED:
        case MDB_PAGE_NOTFOUND:
        case MDB_INVALID: return "data.mdb is damaged";
        case EIO: return "cut short; is the disk full?";   // what LMDB makes of a write that was, and the likeliest cause
        default: return ::mdb_strerror(status);
    }
}

// What may happen to a table that is sound.
bool is_harmless(int status)
{
    switch (status) {
        case MDB_MAP_FULL:
        case MDB_TXN_FULL:
        case MDB_READERS_FULL:
        case MDB_BAD_VALSIZE: return true;
        default: return status > 0 && status != EINVAL;   // EINVAL: of the lock, too
    }
}

Trouble trouble_of(WatchedFile::State data, WatchedFile::State lock)
{
    using State = WatchedFile::State;
    switch (data) {
        case State::Gone: return Trouble::Gone;
        case State::CutShort: return Trouble::CutShort;
        case State::Overwritten: return Trouble::Overwritten;
        case State::Whole: break;
    }
    switch (lock) {
        case State::Gone: return Trouble::LockGone;
        case State::CutShort: return Trouble::LockCutShort;
        case State::Overwritten: return Trouble::LockOverwritten;
        case State::Whole: break;
    }
    return Trouble::None;
}

void on_assertion(MDB_env*, char const*) { fail_assertion(); }

void abort(MDB_txn* transaction)
{
    guarded([transaction] {
        ::mdb_txn_abort(transaction);
        return 0;
    });
}

// What is mapped is to be copied before anybody looks at it.
int copy(MDB_val const& from, std::string& into)
{
    into.resize(from.mv_size);
    return guarded([&] {
        std::memcpy(into.data(), from.mv_data, from.mv_size);
        return 0;
    });
}

}   // namespace

base::Result<std::shared_ptr<Environment>, Environment::Failure> Environment::open(Options const& options)
{
    auto const damaged = [](std::string const& what) { return base::fail_with(Failure{"data.mdb is damaged: " + what, true}); };
    auto const data = data_file(options.directory);
    base::Fd file{::open(data.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    if (!file) return base::fail_with(Failure{base::fail_errno("open " + data).value().message});
    if (auto const damage = find_damage_in_head(file.get()); !damage.empty()) return damaged(damage);

    auto environment = std::make_shared<Environment>(options);
    if (auto const opened = environment->open_files(std::move(file)); !opened) return base::fail_with(opened.error());
    auto const damage = environment->find_damage();
    if (!damage) return base::fail_with(damage.error());
    if (!damage->empty()) return damaged(*damage);
    return environment;
}

// Read transactions belong to objects, not to threads (NOTLS), since libmilter moves a connection from thread to thread.
// No WRITEMAP: there a full disk would be SIGBUS.
base::Result<void, Environment::Failure> Environment::open_files(base::Fd data)
{
    auto const& directory = options_.directory;
    auto const flags = MDB_NOTLS | (options_.sync == Sync::Never ? MDB_NOSYNC : 0U);
    install_guard();
    int status = ::mdb_env_create(&handle_);
    if (status == 0) status = ::mdb_env_set_assert(handle_, &on_assertion);
    if (status == 0) status = ::mdb_env_set_mapsize(handle_, options_.bytes);
    if (status == 0) status = ::mdb_env_set_maxreaders(handle_, kMostReaders);
    if (status == 0) status = ::mdb_env_open(handle_, directory.c_str(), flags, 0660);
    if (status == MDB_INVALID) return base::fail_with(Failure{"lock.mdb is damaged", true});   // data.mdb's head is not
    if (status != 0) return base::fail_with(Failure{"open " + directory + ": " + why(status)});

    // Not closed before LMDB's own: the kernel would take that for the end of all this process' locks on the file.
    base::Fd lock{::open(lock_file(directory).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)};
    if (!lock) return base::fail_with(Failure{base::fail_errno("open " + lock_file(directory)).value().message});

    // The magic number and version of both heads, each behind 16 bytes; and those of the lock.
    MDB_stat statistics{};
    ::mdb_env_stat(handle_, &statistics);
    auto watched = data_.watch(std::move(data), 16, statistics.ms_psize + 16);
    if (watched) watched = lock_.watch(std::move(lock), 0, 0);
    if (!watched) return base::fail_with(Failure{"open " + directory + ": " + watched.error().message});
    if (file_id(data_descriptor()) != data_.id()) return base::fail_with(Failure{"data.mdb is just being replaced"});
    return {};
}

int Environment::data_descriptor() const
{
    int descriptor = -1;
    ::mdb_env_get_fd(handle_, &descriptor);
    return descriptor;
}

// Of the newest commit. Others may be writing: what looks damaged is looked at again in a later one.
base::Result<std::string, Environment::Failure> Environment::find_damage()
{
    constexpr int kTries = 5;
    std::string damage;
    for (int i = 0; i < kTries; ++i) {
        MDB_txn* transaction = nullptr;
        int status = guarded([&] { return ::mdb_txn_begin(handle_, nullptr, MDB_RDONLY, &transaction); });
        if (status != 0) return base::fail_with(Failure{"begin: " + why(status)});
        damage = lmdb::find_damage(data_descriptor(), ::mdb_txn_id(transaction));
        MDB_dbi table = 0;
        if (damage.empty()) status = guarded([&] { return ::mdb_dbi_open(transaction, nullptr, 0, &table); });
        abort(transaction);
        if (status != 0) return base::fail_with(Failure{"open the table: " + why(status)});
        if (damage.empty()) return damage;
    }
    return damage;
}

Environment::~Environment()
{
    if (handle_ != nullptr) {
        lock_.restore_size();   // LMDB takes its readers out of it
        ::mdb_env_close(handle_);
    }
    lock_.close();
    closed_.set_value();
}

Trouble Environment::trouble() const
{
    return trouble_of(data_.look(WatchedFile::Look::Close), lock_.look(WatchedFile::Look::Close));
}

FileIds Environment::files() const { return {data_.id(), lock_.id()}; }

base::Error Environment::error(std::string const& doing, int status)
{
    if (!is_harmless(status)) suspect_ = true;
    auto const is_full = status == MDB_MAP_FULL;   // says all by itself
    return {options_.name + ": " + (is_full ? "" : doing + ": ") + why(status)};
}

base::Result<Transaction> Environment::begin(Access access)
{
    std::unique_lock<std::mutex> turn;
    if (access == Access::Write) turn = std::unique_lock{writers_};
    auto const found = trouble_of(data_.look(WatchedFile::Look::Quick), lock_.look(WatchedFile::Look::Quick));
    if (found != Trouble::None) return base::fail(options_.name + ": " + std::string{words(found)});
    if (suspect_) return base::fail(options_.name + ": data.mdb is damaged");

    Transaction transaction{shared_from_this(), std::move(turn)};
    // A writer that is stopped within this call would keep the lock that all processes wait for; of one that dies the
    // kernel takes it. So it may die: this call alone is not guarded.
    unsigned const flags = access == Access::Read ? MDB_RDONLY : 0;
    auto const start = [&] { return ::mdb_txn_begin(handle_, nullptr, flags, &transaction.handle_); };
    int const status = access == Access::Read ? guarded(start) : start();
    if (status != 0) return base::fail(error("begin", status));
    return transaction;
}

std::uint64_t Environment::last_change() const
{
    MDB_envinfo information{};
    int const status = guarded([&] { return ::mdb_env_info(handle_, &information); });
    if (status != 0) suspect_ = true;
    return information.me_last_txnid;
}

base::Result<> Environment::forget_dead_readers()
{
    int dead = 0;
    int const status = ::mdb_reader_check(handle_, &dead);
    if (status != 0) return base::fail(error("look for dead readers", status));
    return {};
}

Transaction::Transaction(Transaction&& other) noexcept
    : environment_{std::move(other.environment_)}, turn_{std::move(other.turn_)}, handle_{std::exchange(other.handle_, nullptr)},
      cursor_{std::exchange(other.cursor_, nullptr)}
{
}

Transaction::~Transaction()
{
    close_cursor();
    if (handle_ != nullptr) abort(handle_);
}

base::Result<MDB_cursor*> Transaction::cursor() const
{
    if (environment_->is_suspect()) return base::fail(environment_->error("read", MDB_CORRUPTED));
    if (cursor_ != nullptr) return cursor_;
    int const status = guarded([this] { return ::mdb_cursor_open(handle_, kTable, &cursor_); });
    if (status != 0) return base::fail(environment_->error("open the table", status));
    return cursor_;
}

void Transaction::close_cursor()
{
    if (cursor_ == nullptr) return;
    guarded([this] {
        ::mdb_cursor_close(std::exchange(cursor_, nullptr));
        return 0;
    });
}

base::Result<std::optional<std::string_view>> Transaction::get(std::string_view key) const
{
    auto const at = cursor();
    if (!at) return base::fail(at.error());
    auto wanted = value_of(key);
    MDB_val found{};
    int status = guarded([&] { return ::mdb_cursor_get(*at, &wanted, &found, MDB_SET); });
    if (status == MDB_NOTFOUND) return std::nullopt;
    if (status == 0) status = copy(found, value_);
    if (status != 0) return base::fail(environment_->error("read", status));
    return value_;
}

base::Result<> Transaction::walk(std::string_view from,
                                 std::function<bool(std::string_view key, std::string_view value)> const& visit) const
{
    auto const at = cursor();
    if (!at) return base::fail(at.error());
    auto next = from.empty() ? MDB_FIRST : MDB_SET_RANGE;
    auto key = value_of(from);
    MDB_val value{};
    std::string key_copy;
    for (;;) {
        int status = guarded([&] { return ::mdb_cursor_get(*at, &key, &value, next); });
        if (status == MDB_NOTFOUND) return {};
        if (status == 0) status = copy(key, key_copy);
        if (status == 0) status = copy(value, value_);
        if (status != 0) return base::fail(environment_->error("read", status));
        if (!visit(key_copy, value_)) return {};
        next = MDB_NEXT;
    }
}

base::Result<> Transaction::put(std::string_view key, std::string_view value)
{
    auto const at = cursor();
    if (!at) return base::fail(at.error());
    auto put_key = value_of(key);
    auto put_value = value_of(value);
    int const status = guarded([&] { return ::mdb_cursor_put(*at, &put_key, &put_value, 0); });
    if (status != 0) return base::fail(environment_->error("write", status));
    return {};
}

base::Result<bool> Transaction::erase(std::string_view key)
{
    auto const found = get(key);
    if (!found) return base::fail(found.error());
    if (!*found) return false;
    int const status = guarded([this] { return ::mdb_cursor_del(cursor_, 0); });
    if (status != 0) return base::fail(environment_->error("write", status));
    return true;
}

base::Result<> Transaction::commit()
{
    close_cursor();
    if (environment_->is_suspect()) return base::fail(environment_->error("write", MDB_CORRUPTED));   // LMDB would not know
    int const status = guarded([this] { return ::mdb_txn_commit(handle_); });
    if (status != kFault) handle_ = nullptr;   // after a fault the lock is still to be let go
    if (status != 0) return base::fail(environment_->error("write", status));
    return {};
}

std::uint64_t Transaction::change() const { return ::mdb_txn_id(handle_); }

std::size_t Transaction::entries() const
{
    MDB_stat statistics{};
    ::mdb_stat(handle_, kTable, &statistics);
    return statistics.ms_entries;
}

std::size_t Transaction::bytes_in_use() const
{
    MDB_stat statistics{};
    ::mdb_stat(handle_, kTable, &statistics);
    return (statistics.ms_branch_pages + statistics.ms_leaf_pages + statistics.ms_overflow_pages) * statistics.ms_psize;
}

}   // namespace mailcore::store::lmdb
