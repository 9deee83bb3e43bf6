// The rate with a burst, told as stories.

#include "core/rules/rate.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>

namespace mailcore::rules {

void PrintTo(Outcome const& outcome, std::ostream* out)
{
    *out << (outcome.passes() ? "passes" : outcome.kind == Outcome::Kind::Never ? "never" : "waits until ")
         << outcome.free_at.time_since_epoch().count();
}

namespace {

using namespace std::chrono_literals;

base::Time const kStart{1'795'000'000s};
Outcome const kNever{Outcome::Kind::Never, {}};
Outcome waits_until(base::Time time) { return {Outcome::Kind::Wait, time}; }

// A bucket that is asked before it is taken from, as a store does.
struct Meter {
    Rate rate;
    Bucket bucket{};

    Outcome send(base::Time now, std::uint64_t cost = 1)
    {
        auto const outcome = judge(bucket, rate, cost, now);
        if (outcome.passes()) last = take(bucket, rate, cost, now);
        return outcome;
    }
    std::uint64_t send_all_that_pass(base::Time now)
    {
        std::uint64_t count = 0;
        while (send(now).passes()) ++count;
        return count;
    }
    std::uint64_t used(base::Time now) const { return level(bucket, rate, now).used; }
    void give_back(Taken const& taken, base::Time now) { rules::give_back(bucket, rate, taken, now); }

    Taken last{};
};

// ---- what passes, and when

TEST(Rate, TheWholeBurstPassesAtOnceAndTheNextWaitsForItsShareOfTheTime)
{
    Meter whole{{100, 1min, 100}};
    EXPECT_EQ(whole.send_all_that_pass(kStart), 100u);
    EXPECT_EQ(whole.send(kStart), waits_until(kStart + 600ms));

    Meter half{{100, 1min, 50}};
    EXPECT_EQ(half.send_all_that_pass(kStart), 50u);
    EXPECT_EQ(half.send(kStart), waits_until(kStart + 600ms));
}

TEST(Rate, WhatMustWaitPassesWhenItWasToldAndNotAMicrosecondEarlier)
{
    Meter meter{{7, 1s, 3}};
    EXPECT_EQ(meter.send_all_that_pass(kStart), 3u);
    auto const free_at = kStart + 142'858us;   // a seventh of a second, rounded up
    EXPECT_EQ(meter.send(kStart + 100ms), waits_until(free_at)) << "being refused costs nothing";
    EXPECT_EQ(meter.send(free_at - 1us), waits_until(free_at));
    EXPECT_TRUE(meter.send(free_at).passes());
    EXPECT_FALSE(meter.send(free_at).passes());
}

TEST(Rate, AMessageOfSeveralUnitsWaitsForAllOfThem)
{
    Meter meter{{10, 10s, 10}};
    EXPECT_TRUE(meter.send(kStart, 8).passes());
    EXPECT_EQ(meter.send(kStart, 5), waits_until(kStart + 3s));
    EXPECT_EQ(meter.send(kStart, 10), waits_until(kStart + 8s)) << "the whole burst needs an empty bucket";
    EXPECT_EQ(meter.send(kStart, 11), kNever);
    EXPECT_TRUE(meter.send(kStart, 2).passes());
    EXPECT_TRUE(meter.send(kStart, 0).passes()) << "what costs nothing passes a full bucket";
}

TEST(Rate, SevenPerSecondAreExactlySevenPerSecondForHours)
{
    Meter meter{{7, 1s, 7}};
    EXPECT_EQ(meter.send_all_that_pass(kStart), 7u);
    for (std::int64_t sent = 1; sent <= 70'000; ++sent) {
        auto const due = kStart + std::chrono::microseconds{(sent * 1'000'000 + 6) / 7};
        ASSERT_EQ(meter.send(due - 1us), waits_until(due)) << sent;
        ASSERT_TRUE(meter.send(due).passes()) << sent;
    }
}

TEST(Rate, AnIdleBucketHoldsItsBurstAndNoMore)
{
    Meter meter{{100, 1min, 50}};
    EXPECT_EQ(meter.send_all_that_pass(kStart), 50u);
    EXPECT_EQ(meter.send_all_that_pass(kStart + 24h), 50u);
    EXPECT_EQ(meter.send_all_that_pass(kStart + 24h + 6s), 10u);
}

// ---- clocks and configurations that change

TEST(Rate, AClockSetBackLocksNobodyOut)
{
    Meter meter{{100, 1min, 50}};
    meter.send_all_that_pass(kStart);
    auto const earlier = kStart - 24h;
    EXPECT_EQ(meter.send_all_that_pass(earlier), 50u) << "what was used is not known any more";
    EXPECT_EQ(meter.send(earlier), waits_until(earlier + 600ms));
}

TEST(Rate, AClockThatWasYearsAheadForAWhileLocksNobodyOut)
{
    Meter meter{{100, 1min, 50}};
    EXPECT_EQ(meter.send_all_that_pass(kStart + 24h * 3650), 50u);
    EXPECT_EQ(meter.send_all_that_pass(kStart), 50u);
    EXPECT_FALSE(meter.send(kStart).passes());
}

TEST(Rate, ATimeReadALittleEarlierByAnotherProcessFreesNothing)
{
    Meter meter{{100, 1min, 50}};
    meter.send_all_that_pass(kStart);
    auto const bucket = meter.bucket;
    for (auto const skew : {1us, 5000us, 1'000'000us, 60'000'000us}) {
        EXPECT_EQ(meter.send(kStart - skew), waits_until(kStart + 600ms)) << skew.count();
    }
    EXPECT_EQ(meter.bucket, bucket);
    EXPECT_EQ(meter.used(kStart - 5ms), 50u) << "not more than there is";
}

TEST(Rate, ABurstMadeSmallerIsFreeAgainWhenItIsTold)
{
    Meter meter{{100, 1min, 100}};
    meter.send_all_that_pass(kStart);
    meter.rate.burst = 10;
    EXPECT_EQ(meter.used(kStart), 10u);
    EXPECT_EQ(meter.send(kStart), waits_until(kStart + 54'600ms)) << "all but nine of the hundred";
    EXPECT_TRUE(meter.send(kStart, 0).passes());
    EXPECT_TRUE(meter.send(kStart + 54'600ms).passes());
}

TEST(Rate, ABurstMadeMuchSmallerIsForgotten)
{
    Meter meter{{10'000, 24h, 10'000}};
    meter.send_all_that_pass(kStart);
    meter.rate.burst = 100;
    EXPECT_EQ(meter.send_all_that_pass(kStart), 100u) << "rather than nothing for a day";
    EXPECT_EQ(meter.send(kStart), waits_until(kStart + 8'640ms));
}

TEST(Rate, ABurstMadeLargerFreesWhatItAdds)
{
    Meter meter{{100, 1min, 10}};
    meter.send_all_that_pass(kStart);
    meter.rate.burst = 100;
    EXPECT_EQ(meter.send_all_that_pass(kStart), 90u);
}

TEST(Rate, ANumberThatChangesKeepsTheTimeThatWhatIsUsedTakes)
{
    Meter meter{{100, 1min, 100}};
    meter.send(kStart, 50);   // half of it: 30 seconds
    meter.rate = {10, 1min, 10};
    EXPECT_EQ(meter.used(kStart), 5u);
    EXPECT_EQ(level(meter.bucket, meter.rate, kStart).empty_at, kStart + 30s);
    EXPECT_EQ(meter.send_all_that_pass(kStart), 5u);
    meter.rate = {1000, 1min, 1000};
    EXPECT_EQ(meter.used(kStart), 1000u) << "a full bucket stays full, it only drains faster";
    EXPECT_EQ(meter.send_all_that_pass(kStart + 60ms), 1u);
}

TEST(Rate, ANumberThatChangesNeverFreesPartOfAMicrosecond)
{
    Meter meter{{7, 1s, 7}};
    meter.send(kStart);   // 142857 1/7 microseconds
    meter.rate = {3, 1s, 3};
    EXPECT_EQ(level(meter.bucket, meter.rate, kStart).empty_at, kStart + 142'858us);
}

TEST(Rate, TheLargestNumbersDoNotOverflow)
{
    struct {
        Rate rate;
        char const* note;
    } const cases[] = {
        {{kMaxNumber, 24h * 366, kMaxNumber}, "all that can be counted in a year"},
        {{kMaxNumber, 1ms, kMaxNumber}, "all that can be counted in a millisecond"},
        {{1, 24h * 366, 99}, "one in a year"},
        {{1, 1ms, 3'155'760'000'000}, "a burst of a century"},
        {{kMaxNumber - 1, 24h * 366 - 1us, kMaxNumber}, "nothing divides"},
    };
    for (auto const& [rate, note] : cases) {
        Meter meter{rate};
        EXPECT_TRUE(meter.send(kStart, rate.burst).passes()) << note;
        auto const full = level(meter.bucket, rate, kStart);
        EXPECT_EQ(full.used, rate.burst) << note;
        EXPECT_EQ(full.left, 0u) << note;
        EXPECT_EQ(meter.send(kStart), waits_until(full.free_at)) << note;
        EXPECT_TRUE(judge(meter.bucket, rate, rate.burst, full.empty_at).passes()) << note;
        EXPECT_FALSE(judge(meter.bucket, rate, rate.burst, full.empty_at - 1us).passes()) << note;
        take(meter.bucket, rate, rate.burst, kStart);   // beyond the burst, as a store may have to
        EXPECT_EQ(meter.used(kStart), rate.burst) << note;
        EXPECT_EQ(level(meter.bucket, rate, kStart).empty_at, full.empty_at) << note << ": full is full";
        EXPECT_EQ(meter.send(base::Time{}, rate.burst + 1), kNever) << note << ": in 1970";
        EXPECT_TRUE(meter.send(base::Time{}, rate.burst).passes()) << note << ": in 1970";
    }
}

TEST(Rate, ABucketWithNonsenseInItIsANewOne)
{
    constexpr auto kFar = std::numeric_limits<std::int64_t>::max();
    constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
    Rate const rate{100, 1min, 50};
    for (auto const& bucket : {Bucket{kFar, kAll, 1, kFar, kAll, 0}, Bucket{kFar, kAll, 100, 0, 0, kAll}}) {
        Meter meter{rate, bucket};
        EXPECT_EQ(meter.used(kStart), 0u);
        EXPECT_EQ(meter.send_all_that_pass(kStart), 50u);
    }
    Meter past{rate, {-kFar - 1, 0, 100, 0, 0, 0}};
    EXPECT_EQ(past.send_all_that_pass(kStart), 50u);
}

// ---- giving back

TEST(GiveBack, WhatWasTakenLastIsAsIfItHadNeverBeen)
{
    Meter meter{{100, 1min, 100}};
    meter.send(kStart, 30);
    auto const before = level(meter.bucket, meter.rate, kStart + 3s).used;
    meter.send(kStart + 1s, 60);
    meter.give_back(meter.last, kStart + 3s);
    EXPECT_EQ(meter.used(kStart + 3s), before);
}

TEST(GiveBack, TheOnlyOneLeavesAnEmptyBucket)
{
    Meter meter{{100, 1min, 100}};
    meter.send(kStart, 80);
    meter.give_back(meter.last, kStart + 1s);
    EXPECT_TRUE(meter.bucket.is_empty(kStart + 1s));
    EXPECT_EQ(meter.send_all_that_pass(kStart + 1s), 100u);
}

TEST(GiveBack, WhatHasBeenServedMeanwhileCannotBeGivenBack)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 10);
    auto const early = meter.last;
    meter.send(kStart + 9s, 20);   // 9 of the 10 have been served
    meter.give_back(early, kStart + 9s);
    EXPECT_EQ(meter.used(kStart + 9s), 20u) << "what came later is all there still";
    meter.give_back(meter.last, kStart + 9s);
    EXPECT_EQ(meter.used(kStart + 9s), 0u);
}

TEST(GiveBack, AfterTheBucketWasEmptyItIsWorthNothing)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 10);
    auto const early = meter.last;
    meter.give_back(early, kStart + 10s);
    EXPECT_EQ(meter.used(kStart + 10s), 0u);
    meter.send(kStart + 10s, 20);
    meter.give_back(early, kStart + 10s);
    EXPECT_EQ(meter.used(kStart + 10s), 20u) << "another run";
}

TEST(GiveBack, OfAnotherRateIsWorthNothingOnceTheNewOneIsInUse)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 10);
    auto const early = meter.last;
    auto const old_rate = meter.rate;
    meter.rate = {120, 1min, 120};
    meter.send(kStart, 1);
    rules::give_back(meter.bucket, old_rate, early, kStart);
    EXPECT_EQ(meter.used(kStart), 21u) << "ten seconds are 20 units now";
}

TEST(GiveBack, TwiceIsWorthNoMoreThanWhatIsThere)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 10);
    auto const first = meter.last;
    meter.send(kStart, 5);
    for (int i = 0; i < 3; ++i) meter.give_back(first, kStart);
    EXPECT_EQ(meter.used(kStart), 5u);
}

TEST(GiveBack, InAnyOrderAllLeaveAnEmptyBucket)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 20);
    auto const first = meter.last;
    meter.send(kStart + 5s, 10);
    auto const second = meter.last;
    meter.send(kStart + 6s, 30);
    auto const third = meter.last;
    for (auto const& taken : {second, third, first}) meter.give_back(taken, kStart + 7s);
    EXPECT_TRUE(meter.bucket.is_empty(kStart + 7s));
}

TEST(GiveBack, WhatAnEarlierRunKeptDoesNotStay)
{
    Meter meter{{60, 1min, 60}};
    meter.send(kStart, 50);   // served when the next ones come
    meter.send(kStart + 100s, 5);
    auto const first = meter.last;
    meter.send(kStart + 103s, 4);
    for (auto const& taken : {meter.last, first}) meter.give_back(taken, kStart + 103s);
    EXPECT_TRUE(meter.bucket.is_empty(kStart + 103s));
}

// ---- levels

TEST(Level, TellsWhatIsUsedLeftAndWhenMoreIsFree)
{
    Meter meter{{60, 1min, 30}};
    auto const none = level(meter.bucket, meter.rate, kStart);
    EXPECT_EQ(none.used, 0u);
    EXPECT_EQ(none.left, 30u);
    EXPECT_EQ(none.free_at, kStart);
    EXPECT_EQ(none.empty_at, kStart);

    meter.send(kStart, 30);
    auto const full = level(meter.bucket, meter.rate, kStart);
    EXPECT_EQ(full.used, 30u);
    EXPECT_EQ(full.left, 0u);
    EXPECT_EQ(full.free_at, kStart + 1s);
    EXPECT_EQ(full.empty_at, kStart + 30s);

    auto const soon = level(meter.bucket, meter.rate, kStart + 500ms);
    EXPECT_EQ(soon.used, 30u) << "half a unit more is used than 29";
    EXPECT_EQ(soon.left, 0u);
    EXPECT_EQ(soon.free_at, kStart + 1s);
}

TEST(Rate, ABucketOfAClockThatWasAheadIsToldFromOneThatIsOnlyFull)
{
    Meter slow{{1, 24h * 36'500, 1}};   // the longest refill there is
    slow.send(kStart);
    EXPECT_FALSE(slow.bucket.is_of_another_clock(kStart));
    EXPECT_FALSE(slow.bucket.is_of_another_clock(kStart - kMostSkew));
    EXPECT_TRUE(slow.bucket.is_of_another_clock(kStart - kMostSkew - 1us));
    EXPECT_FALSE(Bucket{}.is_of_another_clock(kStart));
    Bucket nonsense;
    nonsense.micros = std::numeric_limits<std::int64_t>::max();
    EXPECT_TRUE(nonsense.is_of_another_clock(kStart));
}

TEST(Level, ABucketIsEmptyToThePart)
{
    Meter meter{{7, 1s, 7}};
    EXPECT_TRUE(meter.bucket.is_empty(kStart));
    meter.send(kStart);
    EXPECT_FALSE(meter.bucket.is_empty(kStart + 142'857us));
    EXPECT_TRUE(meter.bucket.is_empty(kStart + 142'858us));
}

}   // namespace
}   // namespace mailcore::rules
