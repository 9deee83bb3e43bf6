#include "core/store/limits.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "core/store/lmdb_limits.hpp"
#include "core/store/redis_limits.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using Kind = Notice::Kind;
using Tell = std::function<void(Notice const&)>;

constexpr auto kSayAgainAfter = 1min;
constexpr auto kMendAgainAfter = 1s;

// A receipt's `store`. The daemon that counts and the one that gives back may be two: names, not addresses.
constexpr std::string_view kByRedis = "redis";
constexpr std::string_view kByHost = "lmdb";

// Either way, so that a clock that was set back does not silence us. Threads come with times read a little earlier.
bool has_passed(base::Time since, std::chrono::microseconds span, base::Time now)
{
    return now - since >= span || since - now >= span;
}

// ---- What the configuration says ----

constexpr std::string_view kLmdb = "lmdb:";

// "lmdb:/DIR" as "/DIR".
base::Result<std::string> directory_of(std::string const& text)
{
    if (text.starts_with(kLmdb) && text.substr(kLmdb.size()).starts_with('/')) return text.substr(kLmdb.size());
    return base::fail("lmdb: must be followed by an absolute path, as in lmdb:/var/lib/mailcore/limits");
}

base::Result<base::Secret> read_password(std::string const& path)
{
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat facts{};
    if (!file || ::fstat(file.get(), &facts) != 0) return base::fail_errno("cannot read " + path);
    if ((facts.st_mode & S_IRWXO) != 0) return base::fail(path + " can be read by every user of this host; chmod 0640 it");
    base::Secret password;
    std::array<char, 4096> buffer;
    for (;;) {
        auto const got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0) return base::fail_errno("cannot read " + path);
        if (got == 0) break;
        password.append({buffer.data(), static_cast<std::size_t>(got)});
        ::explicit_bzero(buffer.data(), buffer.size());
        if (password.size() > buffer.size()) return base::fail(path + " is too large for a password");
    }
    if (password.reveal().ends_with('\n')) password = base::Secret{password.reveal().substr(0, password.size() - 1)};
    if (password.empty()) return base::fail(path + " is empty");
    return password;
}

base::Result<RedisAddress> redis_address(LimitsOptions const& options)
{
    if (options.store.find("://") == std::string::npos) return base::fail("store: neither lmdb:/DIRECTORY nor redis://… nor rediss://…");
    auto address = RedisAddress::parse(options.store);
    if (!address) return base::fail(std::move(address.error()).within("store"));
    if (!options.password_file.empty()) {
        auto password = read_password(options.password_file);
        if (!password) return base::fail(std::move(password.error()).within("password_file"));
        address->password = std::move(*password);
    }
    if (!address->user.empty() && address->password.empty()) {
        return base::fail("store: a user without a password; set password_file");
    }
    address->ca_file = options.ca_file;
    address->timeout = options.timeout;
    return address;
}

// ---- Notices ----

// Says a trouble when it begins and once a minute while it lasts; says its end if it was said.
class Trouble {
public:
    Trouble(Kind kind, Tell const& tell) : kind_{kind}, tell_{tell} {}

    // At the start, when nobody has told us the time yet.
    void begins(std::string const& words)
    {
        std::lock_guard const lock{mutex_};
        told_ = true;
        last_.reset();
        tell_({kind_, words});
    }
    void lasts(std::string const& words, base::Time now)
    {
        std::lock_guard const lock{mutex_};
        bool const first_time = told_ && !last_;
        if (last_ && !has_passed(*last_, kSayAgainAfter, now)) return;
        last_ = now;
        told_ = true;
        if (!first_time) tell_({kind_, words});
    }
    bool is_told() const { return told_; }
    bool ends()   // whether it was said
    {
        if (!told_) return false;
        std::lock_guard const lock{mutex_};
        return told_.exchange(false);
    }

private:
    Kind const kind_;
    Tell const& tell_;
    std::mutex mutex_;
    std::optional<base::Time> last_;
    std::atomic<bool> told_ = false;
};

// ---- The host's own table ----

// Opened when it can be, and mended after a failure.
class HostLimits {
public:
    explicit HostLimits(std::string directory) : directory_{std::move(directory)} {}

    std::string shown() const { return std::string{kLmdb} + directory_; }
    bool is_ailing() const { return ailing_; }

    // In words what was mended, as heal().
    base::Result<std::string> open()
    {
        auto opened = LmdbLimits::open(directory_);
        ailing_ = !opened;
        std::lock_guard const lock{mutex_};
        if (!opened) {
            why_not_ = opened.error().message;
            return base::fail(why_not_);
        }
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
        ailing_ = !healed;
        return healed;
    }

    template <class Call>
    auto ask(Call const& call) -> decltype(call(std::declval<LmdbLimits&>()))
    {
        auto const table = current();
        if (!table) return base::fail(why_not());
        auto answer = call(*table);
        if (!answer) ailing_ = true;
        return answer;
    }

private:
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

    void use_redis(RedisAddress address)
    {
        pool_ = std::make_unique<RedisPool>(std::move(address));
        redis_ = std::make_unique<RedisLimits>(*pool_);
    }
    void use_host(std::string directory) { host_ = std::make_unique<HostLimits>(std::move(directory)); }
    void start();

    // The answer of Redis, else of the host's own table. The call is told the name of the one that it asks.
    template <class Call>
    auto ask(base::Time now, Call const& call) -> decltype(call(std::declval<rules::LimitStore&>(), kByRedis));

    base::Result<> give_back(rules::Receipt const& receipt, base::Time now);
    base::Result<std::size_t> reset(std::string_view prefix);
    void keep(base::Time now);
    Health health() const;
    RedisPool* redis() { return pool_.get(); }

private:
    void redis_answered();
    void host_answered();
    void come_back(base::Time now);
    void mend(base::Time now);
    std::string fallback_counts() const { return "; " + host_->shown() + " counts, for this host alone"; }

    Tell const tell_;
    std::unique_ptr<RedisPool> pool_;       // null: LMDB is the store
    std::unique_ptr<RedisLimits> redis_;
    std::unique_ptr<HostLimits> host_;      // the store or the fallback; null: Redis without one
    Trouble away_{Kind::Away, tell_};
    Trouble failed_{Kind::Failed, tell_};
    Trouble ailing_{Kind::Failed, tell_};   // a fallback that could not be mended, while Redis counts
    std::atomic<bool> up_ = true;
    std::atomic<std::uint64_t> failures_ = 0, fallback_calls_ = 0;
    std::optional<base::Time> mended_;      // by the keeper's thread
};

// A store that cannot be reached now may be in a moment: that is for limits.on_error, and no reason not to start.
void Limits::State::start()
{
    if (host_) {
        auto const opened = host_->open();
        if (!opened) (redis_ ? ailing_ : failed_).begins(opened.error().message);
        if (!opened && !redis_) up_ = false;
        if (opened && !opened->empty()) tell_({Kind::Healed, *opened});
    }
    if (!pool_) return;
    auto const probed = pool_->probe();
    if (probed) return;
    up_ = false;
    if (host_ && !host_->is_ailing()) away_.begins(probed.error().message + fallback_counts());
    else failed_.begins(probed.error().message);
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
        up_ = false;
        why = answer.error().message;
    }
    if (host_) {
        auto answer = host_->ask([&](rules::LimitStore& table) { return call(table, kByHost); });
        if (answer) {
            host_answered();
            if (redis_) {
                ++fallback_calls_;
                away_.lasts(why + fallback_counts(), now);
            }
            return answer;
        }
        why += (why.empty() ? "" : "; and ") + answer.error().message;
    }
    ++failures_;
    if (!redis_) up_ = false;
    failed_.lasts(why, now);
    return base::fail(why);
}

void Limits::State::redis_answered()
{
    up_ = true;
    bool const was_away = away_.ends();
    bool const had_failed = failed_.ends();
    if (was_away || had_failed) tell_({Kind::Back, pool_->shown() + " counts again"});
}

void Limits::State::host_answered()
{
    if (!redis_) up_ = true;
    if (failed_.ends()) tell_({Kind::Healed, host_->shown() + " counts again"});
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

base::Result<std::size_t> Limits::State::reset(std::string_view prefix)
{
    auto const reset_of = [&](rules::LimitStore& store) { return store.reset(prefix); };
    if (!redis_) return host_->ask(reset_of);
    auto by_redis = redis_->reset(prefix);
    if (!host_) return by_redis;
    auto const by_host = host_->ask(reset_of);
    if (!by_redis) return base::fail(by_redis.error().message + "; only what " + host_->shown() + " counts was reset, if anything");
    if (!by_host) return base::fail(by_host.error().message + "; only what " + pool_->shown() + " counts was reset");
    return *by_redis + *by_host;
}

void Limits::State::keep(base::Time now)
{
    if (pool_ && pool_->is_away()) come_back(now);
    if (!host_) return;
    static_cast<void>(host_->ask([&](LmdbLimits& table) { return table.sweep(now); }));   // a failure is mended
    if (host_->is_ailing() && (!mended_ || has_passed(*mended_, kMendAgainAfter, now))) mend(now);
}

void Limits::State::come_back(base::Time now)
{
    auto const probed = pool_->probe();
    if (probed) return redis_answered();
    if (host_ && !host_->is_ailing()) away_.lasts(probed.error().message + fallback_counts(), now);
    else failed_.lasts(probed.error().message, now);
}

void Limits::State::mend(base::Time now)
{
    mended_ = now;
    auto const mended = host_->mend();
    if (!mended && redis_) return ailing_.lasts("the fallback cannot be used: " + mended.error().message, now);
    if (!mended) return failed_.lasts(mended.error().message, now);
    if (!redis_) up_ = true;
    bool const was_told = ailing_.ends();
    if (!mended->empty()) {
        failed_.ends();
        tell_({Kind::Healed, *mended});
    } else if (was_told) {
        tell_({Kind::Healed, host_->shown() + " can be used again"});
    }
}

Limits::Health Limits::State::health() const
{
    Health health;
    health.store = pool_ ? pool_->shown() : host_->shown();
    health.up = up_ && !(pool_ && pool_->is_away());
    health.on_fallback = pool_ && host_ && !health.up;
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
        state->use_redis(std::move(*address));
    }
    state->start();
    return std::unique_ptr<Limits>{new Limits{std::move(state)}};
}

base::Result<rules::Answer> Limits::take(std::span<rules::Charge const> charges, base::Time now)
{
    return state_->ask(now, [&](rules::LimitStore& store, std::string_view name) {
        auto answer = store.take(charges, now);
        if (answer && !answer->receipt.empty()) answer->receipt.store = name;
        return answer;
    });
}

base::Result<> Limits::give_back(rules::Receipt const& receipt, base::Time now) { return state_->give_back(receipt, now); }

base::Result<rules::BucketsAt> Limits::read(std::span<std::string const> keys, base::Time now)
{
    return state_->ask(now, [&](rules::LimitStore& store, std::string_view) { return store.read(keys, now); });
}

base::Result<rules::BucketsAt> Limits::list(std::string_view prefix, std::size_t most, base::Time now)
{
    return state_->ask(now, [&](rules::LimitStore& store, std::string_view) { return store.list(prefix, most, now); });
}

base::Result<std::size_t> Limits::reset(std::string_view prefix) { return state_->reset(prefix); }
void Limits::keep(base::Time now) { state_->keep(now); }
Limits::Health Limits::health() const { return state_->health(); }
RedisPool* Limits::redis() { return state_->redis(); }

}   // namespace mailcore::store
