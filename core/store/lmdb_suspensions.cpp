#include <atomic>

#include "core/store/bytes.hpp"
#include "core/store/lmdb_table.hpp"
#include "core/store/suspensions.hpp"

namespace mailcore::store {
namespace {

using lmdb::Access;
using rules::Suspension;

// A value: the format's number, whether it is suspended, the time in microseconds, then the reason.
constexpr char kFormat = 1;
constexpr std::size_t kHeadBytes = 2 + 8;
constexpr std::size_t kTableBytes = 64u << 20u;

std::string encoded(Suspension const& entry)
{
    std::string value{kFormat, static_cast<char>(entry.suspended ? 1 : 0)};
    append_number(value, static_cast<std::uint64_t>(entry.time.time_since_epoch().count()));
    return value.append(entry.reason);
}

std::optional<Suspension> decoded(std::string_view value)
{
    if (value.size() < kHeadBytes || value[0] != kFormat || (value[1] != 0 && value[1] != 1)) return std::nullopt;
    auto const micros = static_cast<std::int64_t>(number_at(value, 2));
    return Suspension{value[1] == 1, base::Time{std::chrono::microseconds{micros}}, std::string{value.substr(kHeadBytes)}};
}

class LmdbSuspensions final : public SuspensionTable {
public:
    explicit LmdbSuspensions(lmdb::Options options) : options_{std::move(options)} {}

    bool may_have_changed() override { return !table_ || table_->last_change() != loaded_change_.load(); }   // also where there is trouble

    base::Result<rules::Suspensions> load() override
    {
        auto transaction = begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        rules::Suspensions entries;
        auto const walked = transaction->walk("", [&](std::string_view key, std::string_view value) {
            if (auto entry = decoded(value)) entries.merge(std::string{key}, std::move(*entry));
            return true;
        });
        if (!walked) return base::fail(walked.error());
        loaded_change_ = transaction->change();
        return entries;
    }

    base::Result<> merge(rules::Suspensions const& entries) override
    {
        auto transaction = begin(Access::Write);
        if (!transaction) return base::fail(transaction.error());
        bool changed = false;
        for (auto const& [tenant, entry] : entries) {
            auto const value = transaction->get(tenant);
            if (!value) return base::fail(value.error());
            auto const known = *value ? decoded(**value) : std::nullopt;
            if (known && known->time >= entry.time) continue;
            if (auto done = transaction->put(tenant, encoded(entry)); !done) return done;
            changed = true;
        }
        return changed ? transaction->commit() : base::Result<>{};
    }

    base::Result<std::string> begin_anew() override
    {
        loaded_change_ = kNotLoaded;
        if (table_) return table_->heal(lmdb::OnDamage::PutAside);
        auto begun = lmdb::Table::open(options_, lmdb::OnDamage::PutAside);
        if (!begun) return base::fail(begun.error());
        auto told = (*begun)->healed_at_open();
        begun->reset();   // which would put aside what is damaged later, too
        if (auto opened = open(); !opened) return base::fail(opened.error());
        return told;
    }

private:
    // Refuses one that is damaged.
    base::Result<> open()
    {
        auto opened = lmdb::Table::open(options_, lmdb::OnDamage::Refuse);
        if (!opened) return base::fail(opened.error());
        table_ = std::move(*opened);
        return {};
    }

    // Opened at the first use; one that cannot be opened now is away. A table that somebody has removed is begun anew: what it
    // lacks, the caller knows and merges.
    base::Result<lmdb::Transaction> begin(Access access)
    {
        if (!table_) {
            if (auto opened = open(); !opened) return base::fail(opened.error());
        }
        if (table_->last_change()) {   // looks more closely than begin() does
            auto transaction = table_->begin(access);
            if (transaction) return transaction;
        }
        if (auto const healed = table_->heal(); !healed) return base::fail(healed.error());
        loaded_change_ = kNotLoaded;   // a new table counts its changes anew
        return table_->begin(access);
    }

    lmdb::Options const options_;
    std::unique_ptr<lmdb::Table> table_;   // null: it could not be opened yet
    static constexpr auto kNotLoaded = ~std::uint64_t{0};
    std::atomic<std::uint64_t> loaded_change_ = kNotLoaded;
};

}   // namespace

std::unique_ptr<SuspensionTable> lmdb_suspensions(std::string const& directory)
{
    return std::make_unique<LmdbSuspensions>(lmdb::Options{"suspensions in " + directory, directory, kTableBytes, lmdb::Sync::EachChange});
}

}   // namespace mailcore::store
