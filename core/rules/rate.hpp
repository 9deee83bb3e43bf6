// A rate with a burst, by the generic cell rate algorithm (GCRA; ITU-T I.371): `number` units in each `per`, of which
// `burst` may come at once. Exact and pure: time is an argument, nothing is rounded in anybody's favour.
//
//     Bucket bucket;                                             // of one key; as remembered, or new
//     auto const outcome = judge(bucket, rate, 1, now);          // a peek
//     if (outcome.passes()) take(bucket, rate, 1, now);          // counts it
//
// In any window of length `per` at most number + burst units are taken (and not given back), while the clock is not set
// back by more than kMostSkew. Where it is, the bucket counts as empty; so it does where the burst is made so much smaller.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/base/clock.hpp"

namespace mailcore::rules {

struct Rate {
    std::uint64_t number = 1;            // 1 … kMaxNumber
    std::chrono::microseconds per{1};    // above 0
    std::uint64_t burst = 1;             // at least 1; burst × per / number at most kLongestRefill
    bool operator==(Rate const&) const = default;
};

inline constexpr std::uint64_t kMaxNumber = 1'000'000'000'000'000;   // exact in a double, which is all that Redis' Lua has
inline constexpr std::chrono::microseconds kMostSkew = std::chrono::minutes{1};   // of the times that several processes read
inline constexpr std::chrono::microseconds kLongestRefill = std::chrono::hours{24 * 36'500};   // a century

// What is remembered of one key. A new one has its whole burst free.
struct Bucket {
    // GCRA's theoretical arrival time, when all that was taken will have been served: microseconds since 1970, and parts of
    // one microsecond in units of 1/number.
    std::int64_t micros = 0;
    std::uint64_t parts = 0;
    std::uint64_t number = 1;
    // For giving back: the present run began when the bucket was empty last; since then so much was taken and given back.
    std::int64_t run = 0;
    std::uint64_t taken = 0;
    std::uint64_t returned = 0;

    bool is_empty(base::Time now) const;   // as good as a new one
    // Of a clock that was set back since by more than kMostSkew: it counts as empty, and may be forgotten.
    bool is_of_another_clock(base::Time now) const;
    bool operator==(Bucket const&) const = default;
};

struct Outcome {
    enum class Kind : std::uint8_t { Passes, Wait, Never } kind = Kind::Passes;   // Never: the cost is above the burst
    base::Time free_at{};                                                        // Wait: when it would pass if nobody else sends
    bool passes() const { return kind == Kind::Passes; }
    bool operator==(Outcome const&) const = default;
};

// One cost that was taken, to be given back. Worth something only within the run it was taken in: what has been served
// meanwhile cannot be given back.
struct Taken {
    std::uint64_t cost = 0;
    std::uint64_t number = 0;   // of the rate
    std::int64_t run = 0;
    std::uint64_t taken = 0;    // of the bucket, with this cost
    bool operator==(Taken const&) const = default;
};

Outcome judge(Bucket const& bucket, Rate const& rate, std::uint64_t cost, base::Time now);   // changes nothing
Taken take(Bucket& bucket, Rate const& rate, std::uint64_t cost, base::Time now);            // whatever judge() would say, but to full at most

// Never leaves less in the bucket than if the cost had never been taken, nor more than before. Exactly as if it had never
// been taken: the last one taken; costs given back in the order in which they were taken, before anything was served;
// all costs of a run, when the last of them is given back. Otherwise some may stay that was served meanwhile.
void give_back(Bucket& bucket, Rate const& rate, Taken const& taken, base::Time now);

struct Level {
    std::uint64_t used = 0;     // units of the burst, rounded up
    std::uint64_t left = 0;     // could be taken now
    base::Time free_at{};       // when one unit can be taken: now, or later
    base::Time empty_at{};      // when the whole burst is free again
};
Level level(Bucket const& bucket, Rate const& rate, base::Time now);

}   // namespace mailcore::rules
