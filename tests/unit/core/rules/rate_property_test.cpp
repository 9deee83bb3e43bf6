// What must hold for every schedule: thousands of random ones, the seed of each in its message. MAILCORE_SEED=N runs one.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/rules/rate.hpp"

namespace mailcore::rules {
namespace {

__extension__ using Wide = __int128;

constexpr int kSchedules = 4000;
constexpr int kSteps = 60;
base::Time const kStart{std::chrono::seconds{1'795'000'000}};

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_{seed} {}
    std::uint64_t between(std::uint64_t least, std::uint64_t most) { return std::uniform_int_distribution{least, most}(engine_); }
    bool one_in(std::uint64_t n) { return between(1, n) == 1; }

    // As often small as large.
    std::uint64_t magnitude(std::uint64_t most)
    {
        auto const bits = between(0, 63);
        return std::clamp<std::uint64_t>(between(1, std::uint64_t{1} << bits), 1, most);
    }
    template <class T>
    T take_one(std::vector<T>& list)
    {
        auto const at = list.begin() + static_cast<std::ptrdiff_t>(between(0, list.size() - 1));
        auto const taken = *at;
        list.erase(at);
        return taken;
    }

private:
    std::mt19937_64 engine_;
};

Rate random_rate(Random& random)
{
    Rate rate;
    rate.number = random.magnitude(1'000'000);
    rate.per = std::chrono::microseconds{random.magnitude(100'000'000)};
    rate.burst = random.one_in(2) ? random.magnitude(1'000'000) : rate.number;
    return rate;
}

// ---- the reference: what is kept, replayed from the beginning

struct Cost {
    base::Time time;
    std::uint64_t cost = 0;
    Taken taken;
    bool kept = true;
};

Wide parts_of(std::uint64_t units, Rate const& rate) { return Wide{rate.per.count()} * static_cast<Wide>(units); }
Wide served(std::chrono::microseconds time, Rate const& rate) { return Wide{time.count()} * static_cast<Wide>(rate.number); }

// In parts: 1/number of a microsecond.
Wide replayed(std::vector<Cost> const& costs, Rate const& rate, base::Time now)
{
    Wide backlog = 0;
    auto last = kStart;
    auto const pass_to = [&](base::Time time) {
        backlog = std::max(Wide{0}, backlog - served(time - last, rate));
        last = time;
    };
    for (auto const& cost : costs) {
        if (!cost.kept) continue;
        pass_to(cost.time);
        backlog += parts_of(cost.cost, rate);
    }
    pass_to(now);
    return backlog;
}

Wide backlog_in(Bucket const& bucket, Rate const& rate, base::Time now)
{
    auto const ahead = (Wide{bucket.micros} - now.time_since_epoch().count()) * static_cast<Wide>(rate.number) + static_cast<Wide>(bucket.parts);
    return std::max(Wide{0}, ahead);
}

// What is kept within the time `per` that ends now, both ends included.
std::uint64_t kept_in_the_last_window(std::vector<Cost> const& costs, Rate const& rate, base::Time now)
{
    std::uint64_t sum = 0;
    for (auto const& cost : costs) {
        if (cost.kept && cost.time >= now - rate.per) sum += cost.cost;
    }
    return sum;
}

// ---- schedules

// One bucket in use; time goes on as a busy sender, an idle one and an eager one would have it.
struct Schedule {
    explicit Schedule(std::uint64_t seed) : random{seed}, rate{random_rate(random)} {}

    void let_time_pass()
    {
        auto const unit = static_cast<std::uint64_t>(rate.per.count()) / rate.number + 1;
        if (random.one_in(3)) return;
        if (random.one_in(3)) now = std::max(now, free_at);   // the moment it was told to come again
        else if (random.one_in(10)) now += std::chrono::microseconds{random.between(0, 2 * unit * rate.burst)};
        else now += std::chrono::microseconds{random.between(0, 3 * unit)};
    }

    void try_to_send()
    {
        auto const cost = random.one_in(4) ? random.between(0, rate.burst + 1) : std::min(rate.burst, random.magnitude(8));
        auto const outcome = judge(bucket, rate, cost, now);
        if (!outcome.passes()) {
            free_at = outcome.free_at;
            return;
        }
        costs.push_back({now, cost, take(bucket, rate, cost, now)});
    }

    std::vector<std::size_t> kept() const
    {
        std::vector<std::size_t> list;
        for (std::size_t i = 0; i < costs.size(); ++i) {
            if (costs[i].kept) list.push_back(i);
        }
        return list;
    }

    void give_back(std::size_t which)
    {
        auto& cost = costs[which];
        rules::give_back(bucket, rate, cost.taken, now);
        cost.kept = false;
    }

    Wide backlog() const { return backlog_in(bucket, rate, now); }
    Wide expected() const { return replayed(costs, rate, now); }

    Random random;
    Rate rate;
    Bucket bucket{};
    base::Time now = kStart;
    base::Time free_at = kStart;
    std::vector<Cost> costs;
};

std::string described(std::uint64_t seed, Rate const& rate)
{
    return "MAILCORE_SEED=" + std::to_string(seed) + ": " + std::to_string(rate.number) + " per " + std::to_string(rate.per.count()) +
           " us, burst " + std::to_string(rate.burst);
}

void for_many_schedules(std::function<void(Schedule&)> const& story)
{
    auto const* const wanted = std::getenv("MAILCORE_SEED");
    auto const first = wanted != nullptr ? std::stoull(wanted) : 1;
    for (auto seed = first; seed < first + (wanted != nullptr ? 1 : kSchedules); ++seed) {
        Schedule schedule{seed};
        SCOPED_TRACE(described(seed, schedule.rate));
        story(schedule);
        if (::testing::Test::HasFailure()) return;
    }
}

// ---- properties

TEST(RateProperty, WithoutGiveBacksTheBucketIsTheReplayToThePart)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            ASSERT_TRUE(schedule.backlog() == schedule.expected());
        }
    });
}

TEST(RateProperty, NoWindowKeepsMoreThanTheNumberAndTheBurst)
{
    std::size_t sent = 0;
    std::size_t returned = 0;
    for_many_schedules([&](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            if (auto kept = schedule.kept(); !kept.empty() && schedule.random.one_in(3)) {
                schedule.give_back(schedule.random.take_one(kept));
                ++returned;
                schedule.try_to_send();   // whoever waits takes what was freed
            }
            ASSERT_LE(kept_in_the_last_window(schedule.costs, schedule.rate, schedule.now), schedule.rate.number + schedule.rate.burst);
        }
        sent += schedule.costs.size();
    });
    EXPECT_GT(sent, returned) << "the schedules have to send something";
    EXPECT_GT(returned, 0u);
}

TEST(RateProperty, AGiveBackNeverLeavesLessThanIfTheCostHadNeverBeenTakenNorMoreThanBefore)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            if (auto kept = schedule.kept(); !kept.empty() && schedule.random.one_in(2)) {
                auto const before = schedule.backlog();
                schedule.give_back(schedule.random.take_one(kept));
                ASSERT_TRUE(schedule.backlog() <= before);
            }
            ASSERT_TRUE(schedule.backlog() >= schedule.expected());
        }
    });
}

TEST(RateProperty, TheLastOneTakenGivenBackIsAsIfItHadNeverBeen)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            if (schedule.costs.empty() || !schedule.costs.back().kept) continue;
            auto without = schedule;
            without.let_time_pass();
            without.give_back(without.costs.size() - 1);
            ASSERT_TRUE(without.backlog() == without.expected());
        }
    });
}

// First come, first given back: what stays too much is at most what was served while a cost stood.
TEST(RateProperty, GivenBackInOrderAtMostWhatWasServedMeanwhileStaysTooMuch)
{
    for_many_schedules([](Schedule& schedule) {
        std::chrono::microseconds longest{0};
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            if (auto const kept = schedule.kept(); !kept.empty() && schedule.random.one_in(2)) {
                longest = std::max(longest, schedule.now - schedule.costs[kept.front()].time);
                schedule.give_back(kept.front());
            }
            ASSERT_TRUE(schedule.backlog() - schedule.expected() <= served(longest, schedule.rate));
        }
    });
}

TEST(RateProperty, GivenBackInOrderBeforeAnythingIsServedItIsExact)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            auto const first = schedule.costs.size();
            for (auto count = schedule.random.between(1, 5); count > 0; --count) schedule.try_to_send();
            auto const last = first + schedule.random.between(0, schedule.costs.size() - first);
            for (auto i = first; i < last; ++i) {
                schedule.give_back(i);
                ASSERT_TRUE(schedule.backlog() == schedule.expected());
            }
        }
    });
}

TEST(RateProperty, AllOfARunGivenBackInAnyOrderLeavesAnEmptyBucket)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
        }
        auto kept = schedule.kept();
        std::erase_if(kept, [&](std::size_t i) { return schedule.costs[i].taken.run != schedule.bucket.run; });
        while (!kept.empty()) {
            schedule.give_back(schedule.random.take_one(kept));
            if (schedule.random.one_in(4)) schedule.let_time_pass();
        }
        ASSERT_TRUE(schedule.backlog() == 0);
        ASSERT_EQ(level(schedule.bucket, schedule.rate, schedule.now).left, schedule.rate.burst);
    });
}

TEST(RateProperty, WhoComesWhenToldPassesAndNotEarlier)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            schedule.try_to_send();
            auto const cost = schedule.random.between(1, schedule.rate.burst);
            auto const outcome = judge(schedule.bucket, schedule.rate, cost, schedule.now);
            if (outcome.passes()) continue;
            ASSERT_TRUE(judge(schedule.bucket, schedule.rate, cost, outcome.free_at).passes());
            ASSERT_FALSE(judge(schedule.bucket, schedule.rate, cost, outcome.free_at - std::chrono::microseconds{1}).passes());
        }
    });
}

TEST(RateProperty, ANumberThatGrowsKeepsEachWindowWithinTwiceTheNumberOfTheTime)
{
    for_many_schedules([](Schedule& schedule) {
        schedule.rate.number = std::min<std::uint64_t>(schedule.rate.number, 1000);
        schedule.rate.burst = schedule.rate.number;
        for (int step = 0; step < 2 * kSteps; ++step) {
            schedule.let_time_pass();
            if (schedule.random.one_in(12)) {   // as a warm-up does; not always by two
                schedule.rate.number += schedule.random.between(1, schedule.rate.number);
                schedule.rate.burst = schedule.rate.number;
            }
            schedule.try_to_send();
            ASSERT_LE(kept_in_the_last_window(schedule.costs, schedule.rate, schedule.now), 2 * schedule.rate.number);
        }
    });
}

TEST(RateProperty, WhateverChangesTheLevelsAddUp)
{
    for_many_schedules([](Schedule& schedule) {
        for (int step = 0; step < kSteps; ++step) {
            schedule.let_time_pass();
            if (schedule.random.one_in(20)) schedule.now -= std::chrono::microseconds{schedule.random.magnitude(200'000'000)};
            if (schedule.random.one_in(10)) schedule.rate = random_rate(schedule.random);
            schedule.try_to_send();
            if (auto kept = schedule.kept(); !kept.empty() && schedule.random.one_in(3)) schedule.give_back(schedule.random.take_one(kept));
            auto const now_level = level(schedule.bucket, schedule.rate, schedule.now);
            ASSERT_EQ(now_level.used + now_level.left, schedule.rate.burst);
            ASSERT_TRUE(judge(schedule.bucket, schedule.rate, now_level.left, schedule.now).passes());
            ASSERT_TRUE(judge(schedule.bucket, schedule.rate, 1, now_level.free_at).passes());
            ASSERT_EQ(level(schedule.bucket, schedule.rate, now_level.empty_at).used, 0u);
        }
    });
}

}   // namespace
}   // namespace mailcore::rules
