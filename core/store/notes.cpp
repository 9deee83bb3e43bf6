#include "core/store/notes.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "core/store/bytes.hpp"
#include "core/store/lmdb_table.hpp"
#include "core/store/trouble.hpp"

namespace mailcore::store {
namespace {

using lmdb::Access;

constexpr std::size_t kMapBytes = 64u << 20u;   // kMost notes of some 3 KB
// LMDB writes a changed page to a new place: what is full to the brim could not even be made emptier.
constexpr std::size_t kMostInUse = kMapBytes - kMapBytes / 4;
constexpr std::size_t kErasedAtOnce = 500;      // in one transaction, for the same reason
constexpr std::chrono::hours kOldest{24};       // no message takes that long
constexpr std::chrono::minutes kLookForOldAfter{10};
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

using Stamped = std::pair<base::Time, std::string>;   // when it was noted, and its key

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

    base::Result<std::vector<Stamped>> list() const
    {
        auto const transaction = begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        std::vector<Stamped> notes;
        auto const walked = transaction->walk("", [&](std::string_view key, std::string_view note) {
            notes.emplace_back(time_of(note), key);
            return true;
        });
        if (!walked) return base::fail(walked.error());
        return notes;
    }

    // One that has been noted anew meanwhile stays.
    base::Result<> forget(std::span<Stamped const> notes) const
    {
        for (; !notes.empty(); notes = notes.subspan(std::min(kErasedAtOnce, notes.size()))) {
            auto transaction = begin(Access::Write);
            if (!transaction) return base::fail(transaction.error());
            for (auto const& [time, key] : notes.first(std::min(kErasedAtOnce, notes.size()))) {
                auto const found = transaction->get(key);
                if (!found) return base::fail(found.error());
                if (!*found || time_of(**found) != time) continue;
                if (auto const done = transaction->erase(key); !done) return base::fail(done.error());
            }
            if (auto done = transaction->commit(); !done) return done;
        }
        return {};
    }

    // At once: what that costs is shared by as many notes as are forgotten.
    base::Result<> forget_older_half() const
    {
        auto notes = list();
        if (!notes) return base::fail(notes.error());
        auto const half = (notes->size() + 1) / 2;
        std::nth_element(notes->begin(), notes->begin() + static_cast<std::ptrdiff_t>(half), notes->end());
        return forget(std::span{*notes}.first(half));
    }

    base::Result<> forget_old(base::Time now)
    {
        {
            std::lock_guard const lock{mutex};
            if (looked_for_old && !has_passed(*looked_for_old, kLookForOldAfter, now)) return {};
            looked_for_old = now;
        }
        auto notes = list();
        if (!notes) return base::fail(notes.error());
        std::erase_if(*notes, [now](Stamped const& note) { return now - note.first <= kOldest; });
        return forget(*notes);
    }

    base::Result<bool> has_room() const
    {
        auto const transaction = begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        return transaction->entries() < kMost && transaction->bytes_in_use() < kMostInUse;
    }

    base::Result<> make_room()
    {
        if (auto const room = has_room(); !room || *room) return room ? base::Result<>{} : base::fail(room.error());
        std::lock_guard const lock{making_room};   // else each thread that waits would forget a half
        auto const room = has_room();
        if (!room) return base::fail(room.error());
        return *room ? base::Result<>{} : forget_older_half();
    }

    std::mutex making_room{};
    std::mutex mutex{};   // of what follows
    std::optional<base::Time> looked_for_old{};
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
    auto environment = std::make_unique<Environment>();
    environment->table = std::move(*table);
    return Notes{std::move(environment)};
}

base::Result<> Notes::put(std::string_view queue_id, std::string_view text, base::Time now)
{
    if (!text.empty()) {
        if (auto done = environment_->forget_old(now); !done) return done;
        if (auto done = environment_->make_room(); !done) return done;
    }
    auto transaction = environment_->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());

    if (text.empty()) {
        auto const erased = transaction->erase(queue_id);
        if (!erased) return base::fail(erased.error());
        return *erased ? transaction->commit() : base::Result<>{};   // usually there is nothing to commit
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

// Seldom there are any, and then nothing is written.
base::Result<std::vector<std::string>> Notes::take_older(base::Time time, std::size_t most)
{
    std::vector<std::string> queue_ids;
    {
        auto const transaction = environment_->begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        auto const walked = transaction->walk("", [&](std::string_view queue_id, std::string_view note) {
            if (time_of(note) < time) queue_ids.emplace_back(queue_id);
            return queue_ids.size() < most;
        });
        if (!walked) return base::fail(walked.error());
    }
    std::vector<std::string> texts;
    for (auto const& queue_id : queue_ids) {
        auto text = take(queue_id);
        if (!text) return base::fail(text.error());
        if (*text) texts.push_back(std::move(**text));
    }
    return texts;
}

std::size_t Notes::size() const
{
    auto const transaction = environment_->begin(Access::Read);
    return transaction ? transaction->entries() : 0;
}

}   // namespace mailcore::store
