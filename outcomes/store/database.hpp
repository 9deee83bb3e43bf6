// SQLite as objects: a connection, its statements, a transaction. For the files of this folder, and the tests of what
// SQLite makes of the queries.
//
// Failures are thrown as DatabaseError, in words for the operator, and become Results in sqlite_store.cpp: nearly every
// call may fail, always for the same few reasons, and never in a way that the next line could mend.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace mailcore::outcomes {

struct DatabaseError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Database;

// A prepared statement. Values are bound, never pasted into the text; texts that are bound must live until the next
// reset(). Columns count from 0, and their views live until the next step() or reset().
class Statement {
public:
    Statement() = default;
    Statement(Database& database, std::string_view sql);

    template <class... Values>
    Statement& bind(Values const&... values)   // all of them, in their order
    {
        int number = 0;
        (bind_at(++number, values), ...);
        return *this;
    }
    void bind_at(int number, std::int64_t value);
    void bind_at(int number, bool value) { bind_at(number, std::int64_t{value}); }
    void bind_at(int number, std::string_view value);
    void bind_at(int number, std::string const& value) { bind_at(number, std::string_view{value}); }
    void bind_at(int number, base::Time value);
    template <class Number>
        requires std::is_integral_v<Number> || std::is_enum_v<Number>
    void bind_at(int number, Number value)
    {
        bind_at(number, static_cast<std::int64_t>(value));
    }

    bool step();    // true: a row is there
    void run();     // to the end, and reset: for what gives no rows
    void reset();
    std::int64_t number(int column) const;
    std::string_view text(int column) const;
    std::string string(int column) const { return std::string{text(column)}; }
    base::Time time(int column) const;

    // Steps that read a table or an index from its start since the last call: what an index is there to avoid.
    int steps_of_full_scans();

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    Database* database_ = nullptr;
};

// Resets a statement on every way out, so that it neither keeps a read transaction open nor points at texts that are gone.
class Use {
public:
    explicit Use(Statement& statement) : statement_{statement} {}
    Use(Use const&) = delete;
    Use& operator=(Use const&) = delete;
    ~Use() { statement_.reset(); }
    Statement* operator->() const { return &statement_; }

private:
    Statement& statement_;
};

// One connection: one thread at a time.
class Database {
public:
    enum class Access { Write, Read };
    Database(std::string const& path, Access access);   // the file must be there
    Database(Database const&) = delete;
    Database& operator=(Database const&) = delete;

    void execute(std::string_view sql);                 // statements without values and results
    std::int64_t number(std::string_view sql);          // the first column of the first row; 0 without one
    std::int64_t rows_changed() const;                  // by the last statement
    std::string const& path() const { return path_; }

    [[noreturn]] void fail(int code) const;             // throws DatabaseError with the cure
    sqlite3* handle() const { return handle_.get(); }

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    std::string path_;
    std::unique_ptr<sqlite3, Close> handle_;
};

// Rolls back unless it was committed.
class Transaction {
public:
    explicit Transaction(Database& database);   // for writing: waits for other writers now, not in its midst
    Transaction(Transaction const&) = delete;
    Transaction& operator=(Transaction const&) = delete;
    ~Transaction();
    void commit();

private:
    Database* database_;
};

// One view of the file for several statements.
class ReadTransaction {
public:
    explicit ReadTransaction(Database& database);
    ReadTransaction(ReadTransaction const&) = delete;
    ReadTransaction& operator=(ReadTransaction const&) = delete;
    ~ReadTransaction();

private:
    Database& database_;
};

}   // namespace mailcore::outcomes
