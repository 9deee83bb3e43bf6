#include "core/store/limits.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/store/limits_options.hpp"
#include "core/store/lmdb_limits.hpp"
#include "core/store/redis_limits.hpp"
#include "core/store/trouble.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using Kind = Notice::Kind;
using Tell = std::function<void(Notice const&)>;

constexpr auto kMendAgainAfter = 1s;

// A receipt's `store`. The daemon that counts and the one that gives back may be two: names, not addresses.
constexpr std::string_view kByRedis = "redis";
constexpr std::string_view kByHost = "lmdb";

// ---- The host's own table ----

// Opened when it can be, and mended after a failure. Only mend() ends a trouble: that one call goes well, a read above all,
// tells nothing of the next.
class HostLimits {
public:
    explicit HostLimits(std::string directory) : directory_{std::move(directory)} {}

    std::string shown() const { return std::string{kLmdb} + directory_; }
    bool is_ailing() const { return ailing_; }
    bool is_full() const
    {
        auto const table = current();
        return table && table->is_full();
    }
    bool counts_all() const { return !is_ailing() && !is_full(); }
    // In words, "" = none. What was told last is enough for a full one.
    std::string trouble() const
    {
        if (is_full() && !is_ailing()) return shown() + ": " + std::string{kFull};
        std::lock_guard const lock{mutex_};
        return ailing_ ? why_not_ : "";
    }

    // In words what was mended, as heal().
    base::Result<std::string> open()
    {
        auto opened = LmdbLimits::open(directory_);
        if (!opened) return base::fail(ails(opened.error().message));
        ailing_ = false;
        std::lock_guard const lock{mutex_};
        table_ = std::move(*opened);
        return table_->healed_at_open();
    }

    base::Result<std::string> mend()
    {
        auto const table = current();
        if (!table) {
            auto mended = open();
            if (mended && mended->empty()) *mended = shown() + " can be opened again";
            return mended;
        }
        auto healed = table->heal();
        if (!healed) return base::fail(ails(healed.error().message));
        if (auto const written = table->try_to_write(); !written) return base::fail(ails(written.error().message));
        ailing_ = false;
        return healed;
    }

    template <class Call>
    auto ask(Call const& call) -> decltype(call(std::declval<LmdbLimits&>()))
    {
        auto const table = current();
        if (!table) return base::fail(why_not());
        auto answer = call(*table);
        if (!answer && !ailing_) ails(answer.error().message);
        return answer;
    }

private:
    static constexpr std::string_view kFull = "the table is full; what it holds goes on being counted, what is new is not";

    std::string const& ails(std::string const& why)
    {
        std::lock_guard const lock{mutex_};
        why_not_ = why;
        ailing_ = true;
        return why;
    }
    std::shared_ptr<LmdbLimits> current() const
    {
        std::lock_guard const lock{mutex_};
        return table_;
    }
    std::string why_not() const
    {
        std::lock_guard const lock{mutex_};
        return why_not_;
    }

    std::string const directory_;
    mutable std::mutex mutex_;   // of what follows
    std::shared_ptr<LmdbLimits> table_;   // null: it could not be opened yet
    std::string why_not_;
    std::atomic<bool> ailing_ = false;
};

}   // namespace

// ---- The store and its fallback ----

class Limits::State {
public:
    explicit State(Tell tell) : tell_{std::move(tell)} {}

    void use_redis(RedisAddress address, RedisAddress for_operators)
    {
        pool_ = std::make_unique<RedisPool>(std::move(address));
        redis_ = std::make_unique<RedisLimits>(*pool_);
        constexpr std::chrono::milliseconds kOperatorsPatience{5'000};
        for_operators.timeout = std::max(for_operators.timeout, kOperatorsPatience);
        operators_pool_ = std::make_unique<RedisPool>(std::move(for_operators), 1);
        operators_redis_ = std::make_unique<RedisLimits>(*operators_pool_);
    }
    void use_host(std::string directory) { host_ = std::make_unique<HostLimits>(std::move(directory)); }
    void start();

    // The answer of Redis, else of the host's own table. The call is told the name of the one that it asks.
    template <class Call>
    auto ask(base::Time now, Call const& call) -> decltype(call(std::declval<rules::LimitStore&>(), kByRedis));

    base::Result<> give_back(rules::Receipt const& receipt, base::Time now);
    base::Result<rules::BucketsAt> list(std::string_view prefix, std::size_t most, base::Time now);
    base::Result<std::size_t> reset(std::string_view prefix);
    void keep(base::Time now);
    Health health() const;
    RedisPool* redis() { return pool_.get(); }
    void some_uncounted() { ++failures_; }

private:
    void redis_answered();
    void look_after_host(base::Time now);
    void say(Trouble& trouble, Kind kind, std::string const& words, base::Time now);
    RedisLimits& redis_for_operators();
    void come_back(base::Time now);
    void mend(base::Time now);
    std::string fallback_counts() const { return "; " + host_->shown() + " counts, for this host alone"; }

    Tell const tell_;
    std::unique_ptr<RedisPool> pool_;       // null: LMDB is the store
    std::unique_ptr<RedisLimits> redis_;
    std::unique_ptr<RedisPool> operators_pool_;      // for long questions; null: as pool_
    std::unique_ptr<RedisLimits> operators_redis_;
    std::unique_ptr<HostLimits> host_;      // the store or the fallback; null: Redis without one
    Trouble away_;
    Trouble failed_;
    Trouble ailing_;   // a fallback that could not be mended, while Redis counts
    Trouble full_;     // the host's own table
    std::atomic<bool> redis_up_ = true;
    std::atomic<std::uint64_t> failures_ = 0, fallback_calls_ = 0;
    std::optional<base::Time> mended_;      // by the keeper's thread
};

// A store that cannot be reached now may be in a moment: that is for limits.on_error, and no reason not to start.
void Limits::State::start()
{
    if (host_) {
        auto const opened = host_->open();
        if (!opened) {
            (redis_ ? ailing_ : failed_).begins();
            tell_({Kind::Failed, opened.error().message});
        }
        if (opened && !opened->empty()) tell_({Kind::Healed, *opened});
    }
    if (!pool_) return;
    auto const probed = pool_->probe();
    if (probed) return;
    redis_up_ = false;
    bool const fallback = host_ && !host_->is_ailing();
    (fallback ? away_ : failed_).begins();
    tell_({fallback ? Kind::Away : Kind::Failed, probed.error().message + (fallback ? fallback_counts() : "")});
}

void Limits::State::say(Trouble& trouble, Kind kind, std::string const& words, base::Time now)
{
    if (trouble.lasts(now)) tell_({kind, words});
}

template <class Call>
auto Limits::State::ask(base::Time now, Call const& call) -> decltype(call(std::declval<rules::LimitStore&>(), kByRedis))
{
    std::string why;
    if (redis_) {
        auto answer = call(*redis_, kByRedis);
        if (answer) {
            redis_answered();
            return answer;
        }
        redis_up_ = false;
        why = answer.error().message;
    }
    if (host_) {
        auto answer = host_->ask([&](rules::LimitStore& table) { return call(table, kByHost); });
        if (answer) {
            if (redis_) {
                ++fallback_calls_;
                say(away_, Kind::Away, why + fallback_counts(), now);
            }
            return answer;
        }
        why += (why.empty() ? "" : "; and ") + answer.error().message;
    }
    ++failures_;
    say(failed_, Kind::Failed, why, now);
    return base::fail(why);
}

void Limits::State::redis_answered()
{
    redis_up_ = true;
    bool const was_away = away_.ends();
    bool const had_failed = failed_.ends();
    if (was_away || had_failed) tell_({Kind::Back, pool_->shown() + " counts again"});
}

base::Result<> Limits::State::give_back(rules::Receipt const& receipt, base::Time now)
{
    if (receipt.empty()) return {};
    if (receipt.store == kByRedis && redis_) return redis_->give_back(receipt, now);
    if (receipt.store == kByHost && host_) {
        return host_->ask([&](rules::LimitStore& store) { return store.give_back(receipt, now); });
    }
    return {};   // the configuration has changed since: the store that counted is nobody's any more
}

// Operators ask what may take long, on a connection of their own and with more patience than mail has: Redis being slow to
// them is no reason to leave it. Where it is away for mail, it is for them.
RedisLimits& Limits::State::redis_for_operators()
{
    if (pool_->is_away()) return *redis_;
    if (operators_pool_->is_away()) static_cast<void>(operators_pool_->probe());
    return *operators_redis_;
}

// The host's own table where it counts; not where Redis could not tell all.
base::Result<rules::BucketsAt> Limits::State::list(std::string_view prefix, std::size_t most, base::Time now)
{
    auto const list_of = [&](rules::LimitStore& store) { return store.list(prefix, most, now); };
    if (redis_ && (!host_ || !pool_->is_away())) return list_of(redis_for_operators());
    return host_->ask(list_of);
}

base::Result<std::size_t> Limits::State::reset(std::string_view prefix)
{
    auto const reset_of = [&](rules::LimitStore& store) { return store.reset(prefix); };
    if (!redis_) return host_->ask(reset_of);
    auto by_redis = reset_of(redis_for_operators());
    if (!host_) return by_redis;
    auto const by_host = host_->ask(reset_of);
    if (!by_redis) return base::fail(by_redis.error().message + "; only what " + host_->shown() + " counts was reset, if anything");
    if (!by_host) return base::fail(by_host.error().message + "; only what " + pool_->shown() + " counts was reset");
    return *by_redis + *by_host;
}

void Limits::State::keep(base::Time now)
{
    if (pool_ && pool_->is_away()) come_back(now);
    if (host_) look_after_host(now);
}

void Limits::State::look_after_host(base::Time now)
{
    static_cast<void>(host_->ask([&](LmdbLimits& table) { return table.sweep(now); }));   // a failure is mended
    if (host_->is_ailing() && (!mended_ || has_passed(*mended_, kMendAgainAfter, now))) mend(now);
    if (host_->is_ailing()) return;
    if (host_->is_full()) say(full_, Kind::Failed, host_->trouble(), now);
    else if (full_.ends()) tell_({Kind::Healed, host_->shown() + " has room again"});
}

void Limits::State::come_back(base::Time now)
{
    auto const probed = pool_->probe();
    if (probed) return redis_answered();
    if (host_ && !host_->is_ailing()) say(away_, Kind::Away, probed.error().message + fallback_counts(), now);
    else say(failed_, Kind::Failed, probed.error().message + (host_ ? "; and " + host_->trouble() : ""), now);
}

void Limits::State::mend(base::Time now)
{
    mended_ = now;
    auto const mended = host_->mend();
    if (!mended && redis_) return say(ailing_, Kind::Failed, "the fallback cannot be used: " + mended.error().message, now);
    if (!mended) return say(failed_, Kind::Failed, mended.error().message, now);
    bool const was_ailing = ailing_.ends();
    bool const had_failed = failed_.ends();
    if (!mended->empty()) tell_({Kind::Healed, *mended});
    else if (was_ailing || had_failed) tell_({Kind::Healed, host_->shown() + (redis_ ? " can be used again" : " counts again")});
}

Limits::Health Limits::State::health() const
{
    Health health;
    health.store = pool_ ? pool_->shown() : host_->shown();
    health.up = pool_ ? redis_up_ && !pool_->is_away() : host_->counts_all();
    health.on_fallback = pool_ && host_ && !health.up && !host_->is_ailing();
    health.fallback = pool_ && host_ ? host_->shown() : "";
    health.fallback_up = health.fallback.empty() || host_->counts_all();
    health.full = host_ && host_->is_full();
    health.trouble = host_ ? host_->trouble() : "";
    health.failures = failures_;
    health.fallback_calls = fallback_calls_;
    return health;
}

// ---- The interface ----

Limits::Limits(std::unique_ptr<State> state) : state_{std::move(state)} {}
Limits::~Limits() = default;

base::Result<std::unique_ptr<Limits>> Limits::open(LimitsOptions const& options, Tell tell)
{
    auto state = std::make_unique<State>(std::move(tell));
    bool const is_lmdb = options.store.starts_with(kLmdb);
    auto const& host = is_lmdb ? options.store : options.fallback;
    if (!host.empty()) {
        auto const directory = directory_of(host);
        if (!directory) return base::fail(base::Error{directory.error()}.within(is_lmdb ? "store" : "fallback"));
        state->use_host(*directory);
    }
    if (!is_lmdb) {
        auto address = redis_address(options);
        if (!address) return base::fail(address.error());
        auto for_operators = redis_address(options);
        if (!for_operators) return base::fail(for_operators.error());
        state->use_redis(std::move(*address), std::move(*for_operators));
    }
    state->start();
    return std::unique_ptr<Limits>{new Limits{std::move(state)}};
}

base::Result<rules::Answer> Limits::take(std::span<rules::Charge const> charges, base::Time now)
{
    auto answer = state_->ask(now, [&](rules::LimitStore& store, std::string_view name) {
        auto taken = store.take(charges, now);
        if (taken && !taken->receipt.empty()) taken->receipt.store = name;
        return taken;
    });
    if (answer && answer->uncounted > 0) state_->some_uncounted();
    return answer;
}

base::Result<> Limits::give_back(rules::Receipt const& receipt, base::Time now) { return state_->give_back(receipt, now); }

base::Result<rules::BucketsAt> Limits::read(std::span<std::string const> keys, base::Time now)
{
    return state_->ask(now, [&](rules::LimitStore& store, std::string_view) { return store.read(keys, now); });
}

base::Result<rules::BucketsAt> Limits::list(std::string_view prefix, std::size_t most, base::Time now)
{
    return state_->list(prefix, most, now);
}

base::Result<std::size_t> Limits::reset(std::string_view prefix) { return state_->reset(prefix); }
void Limits::keep(base::Time now) { state_->keep(now); }
Limits::Health Limits::health() const { return state_->health(); }
RedisPool* Limits::redis() { return state_->redis(); }

}   // namespace mailcore::store
