#include "core/store/notes.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/store/bytes.hpp"
#include "core/store/lmdb_table.hpp"

namespace mailcore::store {
namespace {

using lmdb::Access;

constexpr std::size_t kMapBytes = 64u << 20u;   // room for kMost long notes
constexpr std::size_t kTimeBytes = 8;

// A note is the time in microseconds, then the text.
std::string encoded(std::string_view text, base::Time now)
{
    std::string note;
    append_number(note, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    return note.append(text);
}

base::Time time_of(std::string_view note)
{
    auto const micros = note.size() < kTimeBytes ? 0 : static_cast<std::int64_t>(number_at(note, 0));
    return base::Time{std::chrono::microseconds{micros}};
}

std::string_view text_of(std::string_view note) { return note.substr(std::min(note.size(), kTimeBytes)); }

// The older half, at once: what that costs is shared by as many notes as are forgotten.
base::Result<> forget_older_half(lmdb::Transaction& transaction)
{
    std::vector<std::pair<base::Time, std::string>> notes;
    auto walked = transaction.walk("", [&](std::string_view key, std::string_view note) {
        notes.emplace_back(time_of(note), key);
        return true;
    });
    if (!walked) return walked;
    auto const middle = notes.begin() + static_cast<std::ptrdiff_t>(notes.size() / 2);
    std::nth_element(notes.begin(), middle, notes.end());
    for (auto note = notes.begin(); note != middle; ++note) {
        if (auto const done = transaction.erase(note->second); !done) return base::fail(done.error());
    }
    return {};
}

}   // namespace

struct Notes::Environment {
    std::unique_ptr<lmdb::Table> table;

    // Notes live for milliseconds: a table that was removed or damaged is begun anew without further ado.
    base::Result<lmdb::Transaction> begin(Access access) const
    {
        auto transaction = table->begin(access);
        if (transaction) return transaction;
        if (auto const healed = table->heal(); !healed) return base::fail(healed.error());
        return table->begin(access);
    }
};

Notes::Notes(std::unique_ptr<Environment> environment) : environment_{std::move(environment)} {}
Notes::Notes(Notes&&) noexcept = default;
Notes::~Notes() = default;

base::Result<Notes> Notes::open(std::string const& state_directory, std::string const& name)
{
    auto words = name;
    std::replace(words.begin(), words.end(), '-', ' ');
    auto const directory = (std::filesystem::path{state_directory} / name).string();
    auto table = lmdb::Table::open({words, directory, kMapBytes, lmdb::Sync::Never}, lmdb::OnDamage::PutAside);
    if (!table) return base::fail(table.error());
    return Notes{std::make_unique<Environment>(Environment{std::move(*table)})};
}

base::Result<> Notes::put(std::string_view queue_id, std::string_view text, base::Time now)
{
    auto transaction = environment_->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());

    if (text.empty()) {
        auto const erased = transaction->erase(queue_id);
        if (!erased) return base::fail(erased.error());
        return *erased ? transaction->commit() : base::Result<>{};   // usually there is nothing to commit
    }
    if (transaction->entries() >= kMost) {
        if (auto done = forget_older_half(*transaction); !done) return done;
    }
    if (auto done = transaction->put(queue_id, encoded(text, now)); !done) return done;
    return transaction->commit();
}

base::Result<std::optional<std::string>> Notes::take(std::string_view queue_id)
{
    auto transaction = environment_->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());

    auto const note = transaction->get(queue_id);
    if (!note) return base::fail(note.error());
    if (!*note) return std::nullopt;
    auto text = std::string{text_of(**note)};
    if (auto const erased = transaction->erase(queue_id); !erased) return base::fail(erased.error());
    if (auto const done = transaction->commit(); !done) return base::fail(done.error());
    return text;
}

std::size_t Notes::size() const
{
    auto const transaction = environment_->begin(Access::Read);
    return transaction ? transaction->entries() : 0;
}

}   // namespace mailcore::store
