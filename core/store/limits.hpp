// The store of limits that the configuration names, with its fallback: LMDB, or Redis with LMDB while Redis is away.
//
//     auto limits = store::Limits::open(options, [&](store::Notice const& notice) { …log… });
//     limits->take(charges, now);     // Redis, or the fallback while it is away
//     limits->keep(now);              // four times a second, by a thread of its own: sweeps, heals, comes back
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/rules/limit.hpp"
#include "core/store/redis.hpp"

namespace mailcore::store {

struct LimitsOptions {
    std::string store = "lmdb:/var/lib/mailcore/limits";            // lmdb:DIR | redis://… | rediss://…
    std::string fallback = "lmdb:/var/lib/mailcore/limits-local";   // only used with Redis
    std::string password_file;                                      // Redis; read again where it is refused; "" = the address's password, or none
    std::string ca_file;
    std::chrono::milliseconds timeout{50};
    std::string state_directory = "/var/lib/mailcore";              // the host's own copy of the suspensions
};

// What the operator should hear of; the receiver says it to the log. Away: Redis is, and the fallback counts. Back: Redis is.
// Failed: nobody counts, or the fallback would not if it had to, or the host's own table is full. Healed: that table is
// mended, or has room again. SuspensionsFailed: a copy of them cannot be read or written. SuspensionsMended: it can again.
struct Notice {
    enum class Kind { Away, Back, Healed, Failed, SuspensionsFailed, SuspensionsMended } kind;
    std::string words;
};

class Limits final : public rules::LimitStore {
public:
    // Fails on an address that cannot be read, or a password file that cannot, or that everybody can; a Redis that is away,
    // or a table that cannot be opened, is no failure. Notices come from any thread, one at a time of each kind; `Failed` and
    // `Away` while they last, but at most once a minute.
    static base::Result<std::unique_ptr<Limits>> open(LimitsOptions const& options, std::function<void(Notice const&)> tell);
    ~Limits() override;

    base::Result<rules::Answer> take(std::span<rules::Charge const> charges, base::Time now) override;
    base::Result<> give_back(rules::Receipt const& receipt, base::Time now) override;
    base::Result<rules::BucketsAt> read(std::span<std::string const> keys, base::Time now) override;
    base::Result<rules::BucketsAt> list(std::string_view prefix, std::size_t most, base::Time now) override;
    base::Result<std::size_t> reset(std::string_view prefix) override;

    void keep(base::Time now);

    struct Health {
        std::string store;           // without a password: "lmdb:/var/lib/mailcore/limits", "redis://10.0.0.5:6379/0"
        bool up = true;              // the store itself: it counts whatever comes
        bool on_fallback = false;    // Redis is away, and the fallback counts
        std::string fallback;        // its address; "" = there is none
        bool fallback_up = true;     // it counts, or would count, whatever comes
        bool full = false;           // the host's own table, which counts on what it holds
        std::string trouble;         // of the host's own table, in words; "" = none
        std::uint64_t failures = 0;  // calls that nobody could answer, or not for all limits
        std::uint64_t fallback_calls = 0;
    };
    Health health() const;
    RedisPool* redis();   // null with LMDB; for the suspensions, which are beside the counters

private:
    class State;
    explicit Limits(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::store
