#include "outcomes/store/database.hpp"

#include <sqlite3.h>

#include <cstring>

namespace mailcore::outcomes {
namespace {

constexpr int kBusyMilliseconds = 10'000;

// What to do about it; "" where the words say all.
std::string cure_of(int code, std::string const& path)
{
    switch (code) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return "; the file is damaged: stop mailcore-outcomes, put a copy back, or move the file and its -wal and -shm away; "
                   "logs that are still there are read anew";
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "; another process keeps it locked: see with `fuser " + path + "` which, and end it";
        case SQLITE_FULL: return "; make room on its file system";
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
        case SQLITE_AUTH:
            return "; the file and its directory must be writable for the user mailcore";
        case SQLITE_IOERR: return "; look for errors of the disk in the kernel's log";
        default: return {};
    }
}

// SQLite would count its memory, behind a lock that all connections share; nobody reads those counts. Where it was called
// before, it goes on counting.
void configure_once()
{
    [[maybe_unused]] static int const code = ::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}   // namespace

// --- Statement

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }

Statement::Statement(Database& database, std::string_view sql) : database_{&database}
{
    sqlite3_stmt* statement = nullptr;
    int const code = ::sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                          &statement, nullptr);
    statement_.reset(statement);
    if (code != SQLITE_OK) database.fail(code);
}

void Statement::bind_at(int number, std::int64_t value)
{
    if (int const code = ::sqlite3_bind_int64(statement_.get(), number, value); code != SQLITE_OK) database_->fail(code);
}

void Statement::bind_at(int number, std::string_view value)
{
    char const* const data = value.data() != nullptr ? value.data() : "";   // a null pointer would be NULL
    int const code = ::sqlite3_bind_text(statement_.get(), number, data, static_cast<int>(value.size()), SQLITE_STATIC);
    if (code != SQLITE_OK) database_->fail(code);
}

void Statement::bind_at(int number, base::Time value) { bind_at(number, std::int64_t{value.time_since_epoch().count()}); }

bool Statement::step()
{
    int const code = ::sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    ::sqlite3_reset(statement_.get());
    database_->fail(code);
}

void Statement::run()
{
    while (step()) {
    }
    reset();
}

void Statement::reset() { ::sqlite3_reset(statement_.get()); }

std::int64_t Statement::number(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::text(int column) const
{
    auto const* const data = ::sqlite3_column_text(statement_.get(), column);
    if (data == nullptr) return {};
    return {reinterpret_cast<char const*>(data), static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
}

base::Time Statement::time(int column) const { return base::Time{std::chrono::microseconds{number(column)}}; }

int Statement::steps_of_full_scans() { return ::sqlite3_stmt_status(statement_.get(), SQLITE_STMTSTATUS_FULLSCAN_STEP, 1); }

// --- Database

void Database::Close::operator()(sqlite3* handle) const { ::sqlite3_close_v2(handle); }

Database::Database(std::string const& path, Access access) : path_{path}
{
    configure_once();
    sqlite3* handle = nullptr;
    // Each connection has its mutex in sqlite_store.cpp. Readers, too, must be able to write the -shm file.
    int const code = ::sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) fail(code);
    ::sqlite3_busy_timeout(handle, kBusyMilliseconds);
    execute("PRAGMA trusted_schema = OFF");
    if (access == Access::Read) execute("PRAGMA query_only = ON");
}

void Database::execute(std::string_view sql)
{
    std::string const text{sql};
    if (int const code = ::sqlite3_exec(handle(), text.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

std::int64_t Database::number(std::string_view sql)
{
    Statement statement{*this, sql};
    return statement.step() ? statement.number(0) : 0;
}

std::int64_t Database::rows_changed() const { return ::sqlite3_changes64(handle()); }

void Database::fail(int code) const
{
    auto words = path_ + ": " + (handle_ ? ::sqlite3_errmsg(handle_.get()) : ::sqlite3_errstr(code));
    if (int const number = handle_ ? ::sqlite3_system_errno(handle_.get()) : 0;
        number != 0 && ((code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN)) {
        words += std::string{" ("} + std::strerror(number) + ")";
    }
    throw DatabaseError{words + cure_of(code & 0xFF, path_)};
}

// --- Transactions

namespace {

// A failure may have rolled back already; then there is nothing left to do.
void end(Database& database)
{
    if (::sqlite3_get_autocommit(database.handle()) == 0) ::sqlite3_exec(database.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}   // namespace

Transaction::Transaction(Database& database) : database_{&database} { database.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction()
{
    if (database_ != nullptr) end(*database_);
}

void Transaction::commit()
{
    database_->execute("COMMIT");
    database_ = nullptr;
}

ReadTransaction::ReadTransaction(Database& database) : database_{database} { database.execute("BEGIN"); }

ReadTransaction::~ReadTransaction() { end(database_); }

}   // namespace mailcore::outcomes
