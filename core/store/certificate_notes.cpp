#include "core/store/certificate_notes.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <lmdb.h>

namespace mailcore::store {
namespace {

constexpr std::size_t kMapBytes = 16u << 20u;   // some 100,000 notes; only messages under way have one
constexpr std::size_t kSweepAbove = 10'000;

tl::unexpected<base::Error> fail_lmdb(std::string const& doing, int status)
{
    return base::fail("certificate notes: " + doing + ": " + ::mdb_strerror(status));
}

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view text_of(MDB_val const& value) { return {static_cast<char const*>(value.mv_data), value.mv_size}; }

// A note is the time in microseconds, 8 bytes, then the digest.
std::string encoded(std::string_view digest, base::Time now)
{
    std::int64_t const micros = now.time_since_epoch().count();
    std::string note(sizeof micros, '\0');
    std::memcpy(note.data(), &micros, sizeof micros);
    return note.append(digest);
}

base::Time time_of(std::string_view note)
{
    std::int64_t micros = 0;
    if (note.size() >= sizeof micros) std::memcpy(&micros, note.data(), sizeof micros);
    return base::Time{std::chrono::microseconds{micros}};
}

// A transaction that is given up unless committed.
class Transaction {
public:
    explicit Transaction(MDB_env* environment, unsigned flags = 0)
    {
        status_ = ::mdb_txn_begin(environment, nullptr, flags, &transaction_);
    }
    ~Transaction()
    {
        if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
    }
    Transaction(Transaction const&) = delete;
    Transaction& operator=(Transaction const&) = delete;

    int status() const { return status_; }
    MDB_txn* get() const { return transaction_; }
    int commit() { return ::mdb_txn_commit(std::exchange(transaction_, nullptr)); }

private:
    MDB_txn* transaction_ = nullptr;
    int status_ = 0;
};

}   // namespace

struct CertificateNotes::Environment {
    MDB_env* handle = nullptr;
    MDB_dbi table = 0;

    ~Environment()
    {
        if (handle != nullptr) ::mdb_env_close(handle);
    }

    std::size_t count(MDB_txn* transaction) const
    {
        MDB_stat statistics{};
        return ::mdb_stat(transaction, table, &statistics) == 0 ? statistics.ms_entries : 0;
    }

    void sweep(MDB_txn* transaction, base::Time now) const
    {
        MDB_cursor* cursor = nullptr;
        if (::mdb_cursor_open(transaction, table, &cursor) != 0) return;
        std::unique_ptr<MDB_cursor, decltype(&::mdb_cursor_close)> const guard{cursor, &::mdb_cursor_close};
        MDB_val key{};
        MDB_val note{};
        while (::mdb_cursor_get(cursor, &key, &note, MDB_NEXT) == 0) {
            if (now - time_of(text_of(note)) > kMaxAge) ::mdb_cursor_del(cursor, 0);
        }
    }
};

CertificateNotes::CertificateNotes(std::unique_ptr<Environment> environment) : environment_{std::move(environment)} {}
CertificateNotes::CertificateNotes(CertificateNotes&&) noexcept = default;
CertificateNotes::~CertificateNotes() = default;

base::Result<CertificateNotes> CertificateNotes::open(std::string const& state_directory)
{
    auto const directory = std::filesystem::path{state_directory} / "certificate-notes";
    std::error_code failure;
    std::filesystem::create_directories(directory, failure);
    if (failure) return base::fail("certificate notes: cannot make " + directory.string() + ": " + failure.message());

    auto environment = std::make_unique<Environment>();
    if (int const status = ::mdb_env_create(&environment->handle); status != 0) return fail_lmdb("start", status);
    ::mdb_env_set_mapsize(environment->handle, kMapBytes);
    // Notes live for milliseconds, so the disk need not have them: no sync. Read transactions are bound to objects, not
    // to threads (NOTLS), since libmilter moves a connection from thread to thread.
    int status = ::mdb_env_open(environment->handle, directory.c_str(), MDB_NOSYNC | MDB_NOTLS, 0660);
    if (status != 0) return fail_lmdb("open " + directory.string(), status);

    Transaction transaction{environment->handle};
    status = transaction.status();
    if (status == 0) status = ::mdb_dbi_open(transaction.get(), nullptr, 0, &environment->table);
    if (status == 0) status = transaction.commit();
    if (status != 0) return fail_lmdb("open the table in " + directory.string(), status);
    return CertificateNotes{std::move(environment)};
}

base::Result<> CertificateNotes::put(std::string_view queue_id, std::string_view digest, base::Time now)
{
    Transaction transaction{environment_->handle};
    if (transaction.status() != 0) return fail_lmdb("begin", transaction.status());

    auto key = value_of(queue_id);
    int status = 0;
    if (digest.empty()) {
        status = ::mdb_del(transaction.get(), environment_->table, &key, nullptr);
        if (status == MDB_NOTFOUND) return {};   // the usual case; nothing to commit
    } else {
        if (environment_->count(transaction.get()) > kSweepAbove) environment_->sweep(transaction.get(), now);
        auto const note = encoded(digest, now);
        auto value = value_of(note);
        status = ::mdb_put(transaction.get(), environment_->table, &key, &value, 0);
    }
    if (status == 0) status = transaction.commit();
    if (status != 0) return fail_lmdb("write", status);
    return {};
}

base::Result<std::optional<std::string>> CertificateNotes::take(std::string_view queue_id)
{
    Transaction transaction{environment_->handle};
    if (transaction.status() != 0) return fail_lmdb("begin", transaction.status());

    auto key = value_of(queue_id);
    MDB_val note{};
    int status = ::mdb_get(transaction.get(), environment_->table, &key, &note);
    if (status == MDB_NOTFOUND) return std::nullopt;
    if (status != 0) return fail_lmdb("read", status);
    auto digest = std::string{text_of(note).substr(std::min(note.mv_size, sizeof(std::int64_t)))};
    status = ::mdb_del(transaction.get(), environment_->table, &key, nullptr);
    if (status == 0) status = transaction.commit();
    if (status != 0) return fail_lmdb("take", status);
    return digest;
}

std::size_t CertificateNotes::size() const
{
    Transaction transaction{environment_->handle, MDB_RDONLY};
    return transaction.status() == 0 ? environment_->count(transaction.get()) : 0;
}

}   // namespace mailcore::store
