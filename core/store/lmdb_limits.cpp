#include "core/store/lmdb_limits.hpp"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "core/store/bytes.hpp"
#include "core/store/fullest.hpp"
#include "core/store/lmdb_table.hpp"

namespace mailcore::store {
namespace {

using lmdb::Access;
using rules::Bucket;

// A value: the format's number, then the six numbers of a bucket. Of another format, or out of bounds: as good as none.
constexpr char kFormat = 1;
constexpr std::size_t kValueBytes = 1 + 6 * 8;

std::string encoded(Bucket const& bucket)
{
    std::string value;
    value.reserve(kValueBytes);
    value += kFormat;
    append_number(value, static_cast<std::uint64_t>(bucket.micros));
    append_number(value, bucket.parts);
    append_number(value, bucket.number);
    append_number(value, static_cast<std::uint64_t>(bucket.run));
    append_number(value, bucket.taken);
    append_number(value, bucket.returned);
    return value;
}

Bucket decoded(std::string_view value)
{
    if (value.size() != kValueBytes || value.front() != kFormat) return {};
    Bucket bucket;
    bucket.micros = static_cast<std::int64_t>(number_at(value, 1));
    bucket.parts = number_at(value, 9);
    bucket.number = number_at(value, 17);
    bucket.run = static_cast<std::int64_t>(number_at(value, 25));
    bucket.taken = number_at(value, 33);
    bucket.returned = number_at(value, 41);
    bool const sound = bucket.number >= 1 && bucket.number <= rules::kMaxNumber && bucket.parts < bucket.number &&
                       bucket.returned <= bucket.taken;
    return sound ? bucket : Bucket{};
}

// The rest of a key that is too long for the table stands there as a number of 16 digits (FNV-1a). Two such keys with one
// number count together: stricter, never laxer.
std::string shortened(std::string_view key)
{
    constexpr char kDigits[] = "0123456789abcdef";
    std::uint64_t number = 0xcbf29ce484222325;
    for (char const c : key) number = (number ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    std::string text{key.substr(0, lmdb::kLongestKey - 17)};
    text += '#';
    for (unsigned shift = 64; shift > 0; shift -= 4) text += kDigits[(number >> (shift - 4)) & 0xF];
    return text;
}

class Key {
public:
    explicit Key(std::string_view text) : text_{text}
    {
        if (text.size() > lmdb::kLongestKey) text_ = shortened_ = shortened(text);
    }
    Key(Key const&) = delete;
    Key& operator=(Key const&) = delete;
    operator std::string_view() const { return text_; }

private:
    std::string shortened_;
    std::string_view text_;
};

struct Found {
    Bucket bucket;
    bool is_new = true;   // nothing in the table
};

base::Result<Found> find(lmdb::Transaction const& transaction, std::string_view key)
{
    auto const value = transaction.get(key);
    if (!value) return base::fail(value.error());
    if (!*value) return Found{};
    return Found{decoded(**value), false};
}

bool may_be_forgotten(Bucket const& bucket, base::Time now) { return bucket.is_empty(now) || bucket.is_of_another_clock(now); }

bool all_pass(std::span<rules::Outcome const> outcomes)
{
    return std::all_of(outcomes.begin(), outcomes.end(), [](auto const& outcome) { return outcome.passes(); });
}

}   // namespace

class LmdbLimits::State {
public:
    State(std::unique_ptr<lmdb::Table> opened, std::size_t bytes)
        : table{std::move(opened)}, most_in_use_{bytes - room_to_change(bytes)}, for_tenants_{room_to_change(bytes) / 2}
    {
    }

    bool has_room_for(lmdb::Transaction const& transaction, rules::Charge const& charge)
    {
        bool const is_of_tenant = charge.limit != nullptr && charge.limit->key == rules::LimitKey::Tenant;
        auto const in_use = transaction.bytes_in_use();
        if (in_use >= most_in_use_) full = true;
        return in_use < most_in_use_ + (is_of_tenant ? for_tenants_ : 0);
    }

    // It has room again when there is room for some time.
    void look_for_room(lmdb::Transaction const& transaction)
    {
        auto const in_use = transaction.bytes_in_use();
        if (in_use >= most_in_use_) full = true;
        else if (in_use < most_in_use_ - most_in_use_ / 64) full = false;
    }

    // Those which `forget` still says yes to, in small transactions, so that counting need not wait for long.
    base::Result<std::size_t> erase(std::vector<std::string> const& keys, std::function<bool(Bucket const&)> const& forget)
    {
        std::size_t erased = 0;
        for (std::size_t first = 0; first < keys.size(); first += kErasedAtOnce) {
            auto const piece = std::span{keys}.subspan(first, std::min(kErasedAtOnce, keys.size() - first));
            auto done = erase_piece(piece, forget);
            if (!done) return done;
            erased += *done;
        }
        return erased;
    }

    std::unique_ptr<lmdb::Table> const table;
    std::atomic<bool> full = false;
    std::mutex sweeping;
    std::string swept_to;   // where the next piece begins

private:
    static constexpr std::size_t kErasedAtOnce = 200;

    // LMDB writes a changed page to a new place, also when something is erased: a table that is full to the brim could
    // not even be swept.
    static std::size_t room_to_change(std::size_t bytes)
    {
        constexpr std::size_t kEnough = 1u << 20u;
        return std::max(bytes / 16, std::min(bytes / 4, kEnough));
    }

    base::Result<std::size_t> erase_piece(std::span<std::string const> keys, std::function<bool(Bucket const&)> const& forget)
    {
        auto transaction = table->begin(Access::Write);
        if (!transaction) return base::fail(transaction.error());
        std::size_t erased = 0;
        for (auto const& key : keys) {
            auto const found = find(*transaction, key);
            if (!found) return base::fail(found.error());
            if (found->is_new || !forget(found->bucket)) continue;
            auto const done = transaction->erase(key);
            if (!done) return base::fail(done.error());
            ++erased;
        }
        if (erased == 0) return erased;
        auto const committed = transaction->commit();
        if (!committed) return base::fail(committed.error());
        return erased;
    }

    std::size_t most_in_use_;
    std::size_t for_tenants_;   // beyond that
};

LmdbLimits::LmdbLimits(std::unique_ptr<State> state) : state_{std::move(state)} {}
LmdbLimits::~LmdbLimits() = default;

base::Result<std::unique_ptr<LmdbLimits>> LmdbLimits::open(std::string const& directory, std::size_t bytes)
{
    auto table = lmdb::Table::open({"lmdb:" + directory, directory, bytes, lmdb::Sync::Never}, lmdb::OnDamage::PutAside);
    if (!table) return base::fail(table.error());
    return std::unique_ptr<LmdbLimits>{new LmdbLimits{std::make_unique<State>(std::move(*table), bytes)}};
}

std::string const& LmdbLimits::healed_at_open() const { return state_->table->healed_at_open(); }

base::Result<rules::Answer> LmdbLimits::take(std::span<rules::Charge const> charges, base::Time now)
{
    auto transaction = state_->table->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());

    rules::Answer answer;
    answer.time = now;
    std::vector<bool> is_new;
    is_new.reserve(charges.size());
    answer.buckets.reserve(charges.size());
    answer.outcomes.reserve(charges.size());
    for (auto const& charge : charges) {
        auto const found = find(*transaction, Key{charge.key});
        if (!found) return base::fail(found.error());
        is_new.push_back(found->is_new);
        answer.buckets.push_back(found->bucket);
        answer.outcomes.push_back(judge(found->bucket, charge.rate, charge.cost, now));
    }
    answer.taken = all_pass(answer.outcomes);
    if (!answer.taken) return answer;

    bool changed = false;
    answer.receipt.parts.reserve(charges.size());
    for (std::size_t i = 0; i < charges.size(); ++i) {
        auto const& charge = charges[i];
        if (charge.cost > 0 && is_new[i] && !state_->has_room_for(*transaction, charge)) {
            ++answer.uncounted;
            continue;
        }
        auto const taken = rules::take(answer.buckets[i], charge.rate, charge.cost, now);
        answer.receipt.parts.push_back({charge.key, charge.rate, taken});
        if (charge.cost == 0) continue;
        auto const done = transaction->put(Key{charge.key}, encoded(answer.buckets[i]));
        if (!done) return base::fail(done.error());
        changed = true;
    }
    if (auto const done = changed ? transaction->commit() : base::Result<>{}; !done) return base::fail(done.error());
    return answer;
}

base::Result<> LmdbLimits::give_back(rules::Receipt const& receipt, base::Time now)
{
    auto transaction = state_->table->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());

    bool changed = false;
    for (auto const& part : receipt.parts) {
        Key const key{part.key};
        auto const found = find(*transaction, key);
        if (!found) return base::fail(found.error());
        auto bucket = found->bucket;
        rules::give_back(bucket, part.rate, part.taken, now);
        if (bucket == found->bucket) continue;
        if (auto done = transaction->put(key, encoded(bucket)); !done) return done;
        changed = true;
    }
    return changed ? transaction->commit() : base::Result<>{};
}

base::Result<rules::BucketsAt> LmdbLimits::read(std::span<std::string const> keys, base::Time now)
{
    auto const transaction = state_->table->begin(Access::Read);
    if (!transaction) return base::fail(transaction.error());

    rules::BucketsAt buckets{now, {}};
    buckets.buckets.reserve(keys.size());
    for (auto const& key : keys) {
        auto const found = find(*transaction, Key{key});
        if (!found) return base::fail(found.error());
        buckets.buckets.push_back({key, found->bucket});
    }
    return buckets;
}

// In pieces: what is changed while somebody reads needs room in the table until he has done.
base::Result<rules::BucketsAt> LmdbLimits::list(std::string_view prefix, std::size_t most, base::Time now)
{
    constexpr std::size_t kAtOnce = 20'000;
    Fullest fullest{most};
    std::string next{prefix};
    for (bool more = true; more;) {
        auto const transaction = state_->table->begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        auto const from = std::exchange(next, {});
        std::size_t seen = 0;
        auto const walked = transaction->walk(from, [&](std::string_view key, std::string_view value) {
            if (!key.starts_with(prefix)) return false;
            if (++seen > kAtOnce) {
                next = key;
                return false;
            }
            auto const bucket = decoded(value);
            if (!bucket.is_empty(now)) fullest.add(std::string{key}, bucket);
            return true;
        });
        if (!walked) return base::fail(walked.error());
        more = !next.empty();
    }
    rules::BucketsAt buckets{now, {}};
    fullest.list(buckets);
    return buckets;
}

base::Result<std::size_t> LmdbLimits::reset(std::string_view prefix)
{
    std::vector<std::string> keys;
    {
        auto const transaction = state_->table->begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        auto const walked = transaction->walk(prefix, [&](std::string_view key, std::string_view) {
            if (!key.starts_with(prefix)) return false;
            keys.emplace_back(key);
            return true;
        });
        if (!walked) return base::fail(walked.error());
    }
    return state_->erase(keys, [](Bucket const&) { return true; });
}

base::Result<std::size_t> LmdbLimits::sweep(base::Time now, std::size_t at_most)
{
    std::lock_guard const guard{state_->sweeping};
    std::vector<std::string> empty;
    std::string next;
    {
        auto const transaction = state_->table->begin(Access::Read);
        if (!transaction) return base::fail(transaction.error());
        std::size_t seen = 0;
        auto const walked = transaction->walk(state_->swept_to, [&](std::string_view key, std::string_view value) {
            if (++seen > at_most) {
                next = key;
                return false;
            }
            if (may_be_forgotten(decoded(value), now)) empty.emplace_back(key);
            return true;
        });
        if (!walked) return base::fail(walked.error());
        state_->look_for_room(*transaction);   // that earlier pieces, or others, have made
    }
    state_->swept_to = std::move(next);   // "": from the beginning
    if (auto const done = state_->table->forget_dead_readers(); !done) return base::fail(done.error());
    return state_->erase(empty, [now](Bucket const& bucket) { return may_be_forgotten(bucket, now); });
}

bool LmdbLimits::is_full() const { return state_->full; }

base::Result<> LmdbLimits::try_to_write()
{
    constexpr std::string_view kKey = "!";   // no tenant's name begins so
    auto transaction = state_->table->begin(Access::Write);
    if (!transaction) return base::fail(transaction.error());
    if (auto done = transaction->put(kKey, encoded({})); !done) return done;
    if (auto const erased = transaction->erase(kKey); !erased) return base::fail(erased.error());
    return transaction->commit();
}

base::Result<std::string> LmdbLimits::heal() { return state_->table->heal(); }

std::size_t LmdbLimits::size() const
{
    auto const transaction = state_->table->begin(Access::Read);
    return transaction ? transaction->entries() : 0;
}

}   // namespace mailcore::store
