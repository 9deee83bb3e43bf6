// The script in Redis against core/rules/rate.cpp, which is the truth; and hosts that share one Redis.

#include "core/store/redis_limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/unit/core/store/redis_server.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using rules::Bucket;
using rules::Charge;
using rules::kLongestRefill;
using rules::kMaxNumber;
using rules::Outcome;
using rules::Rate;
using testing::RedisServer;
using std::chrono::microseconds;

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

Charge charge(std::string key, Rate rate, std::uint64_t cost = 1) { return {nullptr, std::move(key), rate, cost}; }

// A host: a pool of its own, and what counts by it.
struct Host {
    explicit Host(RedisServer const& server, RedisLimits::Clock clock = RedisLimits::Clock::Server)
        : pool{testing::address_of(server.url())}, limits{pool, clock}
    {
    }
    RedisPool pool;
    RedisLimits limits;
};

rules::Answer take(RedisLimits& limits, std::vector<Charge> const& charges, base::Time now = kNow)
{
    auto answer = limits.take(charges, now);
    if (!answer) throw std::runtime_error{answer.error().message};
    return std::move(*answer);
}

std::vector<std::string> keys_of(rules::BucketsAt const& listed)
{
    std::vector<std::string> keys;
    for (auto const& one : listed.buckets) keys.push_back(one.key);
    return keys;
}

// ---- One limit, told as a story ----

TEST(RedisLimits, LetTheBurstPassAndThenOneByOne)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{60, 1min, 3};   // one a second, three at once
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(host.limits, {charge("a m", rate)}).taken);

    auto const refused = take(host.limits, {charge("a m", rate)});
    EXPECT_FALSE(refused.taken);
    EXPECT_EQ(refused.outcomes, (std::vector<Outcome>{{Outcome::Kind::Wait, kNow + 1s}}));
    EXPECT_TRUE(refused.receipt.empty());
    EXPECT_EQ(refused.time, kNow);
    EXPECT_EQ(rules::level(refused.buckets[0], rate, kNow).used, 3u);
    EXPECT_FALSE(take(host.limits, {charge("a m", rate)}, kNow + 1s - 1us).taken);
    EXPECT_TRUE(take(host.limits, {charge("a m", rate)}, kNow + 1s).taken);
    EXPECT_FALSE(take(host.limits, {charge("a m", rate)}, kNow + 1s).taken);
}

TEST(RedisLimits, TakeAllChargesOrNone)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const wide{100, 1min, 100}, narrow{1, 1h, 1};
    EXPECT_TRUE(take(host.limits, {charge("a wide", wide, 10), charge("a narrow", narrow)}).taken);
    auto const refused = take(host.limits, {charge("a wide", wide, 10), charge("a narrow", narrow)});
    EXPECT_FALSE(refused.taken);
    EXPECT_EQ(refused.outcomes, (std::vector<Outcome>{{}, {Outcome::Kind::Wait, kNow + 1h}}));
    EXPECT_EQ(rules::level(refused.buckets[0], wide, kNow).used, 10u);   // nothing of the refused message
}

TEST(RedisLimits, SayThatACostAboveTheBurstNeverPasses)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{100, 1min, 50};
    auto const refused = take(host.limits, {charge("a m", rate), charge("a r", rate, 51)});
    EXPECT_EQ(refused.outcomes, (std::vector<Outcome>{{}, {Outcome::Kind::Never, {}}}));
    EXPECT_FALSE(refused.taken);
    EXPECT_EQ(server.say({"DBSIZE"}), "0");
    EXPECT_TRUE(take(host.limits, {charge("a r", rate, 50)}).taken);
}

TEST(RedisLimits, TakeNothingOfNobody)
{
    RedisServer const server;
    Host host{server};
    EXPECT_TRUE(take(host.limits, {}).taken);
    EXPECT_EQ(server.calls("evalsha"), 0u);
}

TEST(RedisLimits, BeginAnewWhereWhatIsStoredIsNoBucket)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{1, 1h, 1};
    for (auto const* const damage : {"", "1 2 3", "1 2 3 4 5 6 7", "a b c d e f", "-1 0 1 0 0 0"}) {
        server.say({"SET", "mailcore:limit:a m", damage});
        EXPECT_TRUE(take(host.limits, {charge("a m", rate)}).taken) << damage;
        EXPECT_FALSE(take(host.limits, {charge("a m", rate)}).taken) << damage;
    }
}

TEST(RedisLimits, TakeThePlaceOfSomethingElseUnderTheirKey)
{
    RedisServer const server;
    Host host{server};
    server.say({"LPUSH", "mailcore:limit:a m", "x"});
    EXPECT_TRUE(take(host.limits, {charge("a m", {1, 1h, 1})}).taken);   // SET takes its place
    EXPECT_FALSE(host.pool.is_away());
}

TEST(RedisLimits, KnowBucketsByKeysOfAnyBytes)
{
    RedisServer const server;
    Host host{server};
    Rate const rate{1, 1h, 1};
    for (auto const& key : {std::string{"a m/sender *@[x]?\\"}, std::string{"a m/sender \r\n$1"}, std::string{"a m \0x", 6},
                            std::string{"a m M\xC3\xBCller"}}) {
        EXPECT_TRUE(take(host.limits, {charge(key, rate)}).taken);
        EXPECT_FALSE(take(host.limits, {charge(key, rate)}).taken);
        EXPECT_EQ(keys_of(*host.limits.list(key, 10, kNow)), std::vector<std::string>{key});
        EXPECT_EQ(host.limits.reset(key).value(), 1u);
    }
}

// ---- The script is rate.cpp ----

// Rates of every size that a configuration may hold, most often where rounding would show.
class Schedule {
public:
    explicit Schedule(unsigned seed) : random_{seed} {}

    std::uint64_t number(std::uint64_t least, std::uint64_t most)
    {
        return std::uniform_int_distribution<std::uint64_t>{least, most}(random_);
    }
    bool once_in(unsigned times) { return number(1, times) == 1; }

    // Of any number of digits.
    std::uint64_t size(std::uint64_t most)
    {
        auto bound = most;
        for (auto cut = number(0, 16); cut > 0 && bound > 10; --cut) bound /= 10;
        auto const near_bound = number(0, 3) == 0 ? bound - std::min<std::uint64_t>(bound - 1, number(0, 3)) : number(1, bound);
        return std::max<std::uint64_t>(1, near_bound);
    }

    Rate rate()
    {
        constexpr auto longest = static_cast<std::uint64_t>(kLongestRefill.count());
        for (;;) {
            Rate rate;
            rate.number = size(kMaxNumber);
            rate.per = microseconds{static_cast<std::int64_t>(size(longest))};
            __extension__ using Wide = unsigned __int128;
            auto const most = static_cast<Wide>(longest) * rate.number / static_cast<std::uint64_t>(rate.per.count());
            if (most == 0) continue;
            rate.burst = size(most > kMaxNumber ? kMaxNumber : static_cast<std::uint64_t>(most));
            return rate;
        }
    }

    // Now and then zero, all of the burst, or more than it.
    std::uint64_t cost(Rate const& rate)
    {
        switch (number(0, 9)) {
            case 0: return 0;
            case 1: return rate.burst;
            case 2: return rate.burst + number(0, 1);
            default: return number(1, std::max<std::uint64_t>(1, rate.burst / number(1, 5)));
        }
    }

    // Mostly on, in steps that matter to the rate; seldom back.
    base::Time step(base::Time now, Rate const& rate)
    {
        auto const refill = rules::level(full(rate, now), rate, now).empty_at - now;
        auto const most = static_cast<std::uint64_t>(refill.count()) / number(1, 4);
        auto const width = microseconds{static_cast<std::int64_t>(number(0, most))};
        auto const next = once_in(12) ? now - width / 7 : now + width;
        return std::clamp(next, kNow - 100h, kNow + 24h * 365 * 20);
    }

private:
    static Bucket full(Rate const& rate, base::Time now)
    {
        Bucket bucket;
        rules::take(bucket, rate, rate.burst, now);
        return bucket;
    }
    std::mt19937_64 random_;
};

// What take() must answer, by rate.cpp, with the buckets in a map.
rules::Answer expected(std::map<std::string, Bucket>& buckets, std::vector<Charge> const& charges, base::Time now)
{
    rules::Answer answer;
    answer.time = now;
    answer.taken = true;
    for (auto const& one : charges) {
        answer.outcomes.push_back(rules::judge(buckets[one.key], one.rate, one.cost, now));
        answer.taken = answer.taken && answer.outcomes.back().passes();
    }
    for (auto const& one : charges) {
        if (answer.taken) answer.receipt.parts.push_back({one.key, one.rate, rules::take(buckets[one.key], one.rate, one.cost, now)});
        answer.buckets.push_back(buckets[one.key]);
    }
    return answer;
}

std::string told(Bucket const& bucket)
{
    return std::to_string(bucket.micros) + " " + std::to_string(bucket.parts) + "/" + std::to_string(bucket.number) + " run " +
           std::to_string(bucket.run) + " taken " + std::to_string(bucket.taken) + " returned " + std::to_string(bucket.returned);
}

std::string told(std::vector<Charge> const& charges, base::Time now)
{
    std::string text = "at " + std::to_string(now.time_since_epoch().count());
    for (auto const& one : charges) {
        text += ", " + one.key + ": " + std::to_string(one.cost) + " by " + std::to_string(one.rate.number) + " per " +
                std::to_string(one.rate.per.count()) + " us, burst " + std::to_string(one.rate.burst);
    }
    return text;
}

void expect_equal(rules::Answer const& answer, rules::Answer const& wanted)
{
    EXPECT_EQ(answer.taken, wanted.taken);
    EXPECT_EQ(answer.time, wanted.time);
    EXPECT_EQ(answer.outcomes, wanted.outcomes);
    EXPECT_EQ(answer.receipt, wanted.receipt);
    ASSERT_EQ(answer.buckets.size(), wanted.buckets.size());
    for (std::size_t i = 0; i < answer.buckets.size(); ++i) EXPECT_EQ(told(answer.buckets[i]), told(wanted.buckets[i]));
}

// What a run has taken, where the rate was made thousands of millions a second while more was taken than its burst.
bool counts_beyond_a_double(rules::Answer const& answer)
{
    return std::any_of(answer.buckets.begin(), answer.buckets.end(), [](auto const& one) { return one.taken >= 1ull << 53u; });
}

// Takes and gives back by one to three limits together, whose rates change now and then as a reload or a warm-up does.
void compare_by_schedule(RedisLimits& limits, unsigned seed)
{
    Schedule schedule{seed};
    std::map<std::string, Bucket> buckets;
    std::vector<Charge> charges;
    for (auto i = schedule.number(1, 3); i > 0; --i) {
        charges.push_back(charge(std::to_string(seed) + " limit" + std::to_string(i), schedule.rate()));
    }
    auto now = kNow;
    std::vector<rules::Receipt> receipts;
    for (int i = 0; i < 16 && !::testing::Test::HasFailure(); ++i) {
        auto& one = charges[schedule.number(0, charges.size() - 1)];
        if (schedule.once_in(6)) one.rate = schedule.rate();
        for (auto& each : charges) each.cost = schedule.cost(each.rate);
        now = schedule.step(now, one.rate);
        SCOPED_TRACE("schedule " + std::to_string(seed) + " step " + std::to_string(i) + " " + told(charges, now));

        if (!receipts.empty() && schedule.once_in(3)) {
            auto const at = schedule.number(0, receipts.size() - 1);
            for (auto const& part : receipts[at].parts) rules::give_back(buckets[part.key], part.rate, part.taken, now);
            EXPECT_TRUE(limits.give_back(receipts[at], now));
            receipts.erase(receipts.begin() + static_cast<std::ptrdiff_t>(at));
        }
        auto const wanted = expected(buckets, charges, now);
        if (counts_beyond_a_double(wanted)) return;
        expect_equal(take(limits, charges, now), wanted);
        if (wanted.taken) receipts.push_back(wanted.receipt);
    }
}

TEST(RedisLimits, AgreeWithRateCppInRandomSchedules)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    for (unsigned seed = 1; seed <= 2000 && !HasFailure(); ++seed) compare_by_schedule(host.limits, seed);
}

// The greatest numbers that a rate may have, at the edges.
TEST(RedisLimits, AgreeWithRateCppInTheGreatestNumbers)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    std::map<std::string, Bucket> buckets;
    auto const longest = kLongestRefill;
    std::vector<Rate> const rates{
        {kMaxNumber, longest, kMaxNumber}, {kMaxNumber - 1, longest, kMaxNumber - 1}, {1, longest, 1},
        {kMaxNumber, 1us, kMaxNumber},     {kMaxNumber, longest - 1us, 1},            {999'999'999'999'989, 1'234'567'891'011us, kMaxNumber},
        {3, longest, 3},                   {7, 1us, kMaxNumber},
    };
    for (auto const& first : rates) {
        for (auto const& second : rates) {   // the second takes over the first's backlog where it can be believed
            for (auto const& [rate, cost] : {std::pair{first, first.burst}, {second, std::uint64_t{0}}, {second, std::uint64_t{1}}, {second, second.burst}}) {
                auto const when = kNow + (cost == 0 ? 1us : 0us);
                std::vector<Charge> const charges{charge("k", rate, cost)};
                SCOPED_TRACE(told(charges, when));
                expect_equal(take(host.limits, charges, when), expected(buckets, charges, when));
            }
            buckets.clear();
            ASSERT_EQ(host.limits.reset("").value(), 1u);
        }
    }
}

// ---- Many at once ----

TEST(RedisLimits, LoseNothingWhenEightThreadsOfTwoHostsTakeAtOnce)
{
    RedisServer const server;
    Host first{server}, second{server};
    std::vector<Charge> const charges{charge("a messages", {200, 24h * 365, 200}), charge("a recipients", {1000, 24h * 365, 1000}, 3)};
    std::atomic<int> passed = 0, refused = 0;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            auto& limits = i % 2 == 0 ? first.limits : second.limits;
            for (int k = 0; k < 50; ++k) take(limits, charges).taken ? ++passed : ++refused;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(passed, 200);
    EXPECT_EQ(refused, 200);
    auto const read = first.limits.read(std::vector<std::string>{"a messages", "a recipients"}, kNow).value();
    EXPECT_EQ(rules::level(read.buckets[0].bucket, charges[0].rate, read.time).used, 200u);
    EXPECT_EQ(rules::level(read.buckets[1].bucket, charges[1].rate, read.time).used, 600u);
}

TEST(RedisLimits, BalanceTheGiveBacksOfEightThreads)
{
    RedisServer const server;
    Host first{server}, second{server};
    Rate const rate{1000, 24h * 365, 1000};
    std::vector<Charge> const charges{charge("a messages", rate), charge("a recipients", rate, 2)};
    std::atomic<int> kept = 0;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            auto& limits = i % 2 == 0 ? first.limits : second.limits;
            for (int k = 0; k < 40; ++k) {
                auto const answer = take(limits, charges);
                ASSERT_TRUE(answer.taken);
                if (k % 2 == 0) ++kept;
                else EXPECT_TRUE(limits.give_back(answer.receipt, kNow));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    auto const read = first.limits.read(std::vector<std::string>{"a messages", "a recipients"}, kNow).value();
    EXPECT_EQ(read.buckets[0].bucket.taken - read.buckets[0].bucket.returned, 160u);
    EXPECT_EQ(read.buckets[1].bucket.taken - read.buckets[1].bucket.returned, 320u);
    EXPECT_EQ(rules::level(read.buckets[0].bucket, rate, read.time).used, 160u);
    EXPECT_EQ(rules::level(read.buckets[1].bucket, rate, read.time).used, 320u);
}

// The fleet's clock is the server's: a host whose own is an hour ahead gets nothing out of it.
TEST(RedisLimits, GoByTheServersClock)
{
    RedisServer const server;
    Host host{server};
    Rate const rate{1, 24h, 1};
    auto const before = base::now();
    auto const taken = take(host.limits, {charge("a m", rate)}, kNow);
    EXPECT_TRUE(taken.taken);
    EXPECT_GE(taken.time, before - 1s);
    EXPECT_LE(taken.time, base::now() + 1s);
    auto const refused = take(host.limits, {charge("a m", rate)}, base::now() + 24h * 10);
    EXPECT_FALSE(refused.taken);
    EXPECT_EQ(refused.outcomes[0].free_at, taken.time + 24h);
    EXPECT_LE(refused.time, base::now() + 1s);
}

TEST(RedisLimits, NeedOneRoundTripForAMessage)
{
    RedisServer const server;
    Host host{server};
    std::vector<Charge> charges;
    charges.reserve(5);
    for (int i = 0; i < 5; ++i) charges.push_back(charge("a limit" + std::to_string(i), {1000, 1h, 1000}));
    take(host.limits, charges);
    server.say({"CONFIG", "RESETSTAT"});
    for (int i = 0; i < 100; ++i) take(host.limits, charges);
    EXPECT_EQ(server.calls("evalsha"), 100u);
    auto const statistics = server.say({"INFO", "commandstats"});
    for (auto const* const other : {"eval:", "script", "get:", "select", "auth", "ping", "watch", "multi"}) {
        EXPECT_EQ(statistics.find(std::string{"cmdstat_"} + other), std::string::npos) << statistics;
    }
    EXPECT_EQ(server.calls("set"), 500u);    // the script's own
    EXPECT_EQ(server.calls("mget"), 100u);
    EXPECT_EQ(server.calls("time"), 100u);
}

// ---- What is kept, and for how long ----

TEST(RedisLimits, LetAKeyExpireOnceItsBucketIsEmpty)
{
    RedisServer const server;
    Host host{server};
    take(host.limits, {charge("a m", {10, 100s, 10}, 3)});   // 30 seconds' worth
    auto const lifetime = std::stol(server.say({"PTTL", "mailcore:limit:a m"}));
    EXPECT_GT(lifetime, 25'000);
    EXPECT_LE(lifetime, 31'100);

    take(host.limits, {charge("b m", {1'000'000, 1s, 10})});
    auto const deadline = base::Stopwatch::now() + 20s;
    while (server.say({"EXISTS", "mailcore:limit:b m"}) == "1" && base::Stopwatch::now() < deadline) std::this_thread::sleep_for(20ms);
    EXPECT_EQ(server.say({"EXISTS", "mailcore:limit:b m"}), "0");
}

TEST(RedisLimits, AreListedByPrefixInOrderWithoutEmptyOnes)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{60, 1min, 60};
    for (auto const* const key : {"b m/1m", "a m/1m", "a r/1m", "ab m/1m", "a* m/1m"}) take(host.limits, {charge(key, rate)});
    take(host.limits, {charge("a empty", rate)}, kNow - 1s);
    server.say({"SET", "elses:limit:a m", "1"});

    using Keys = std::vector<std::string>;
    EXPECT_EQ(keys_of(*host.limits.list("a ", 10, kNow)), (Keys{"a m/1m", "a r/1m"}));
    EXPECT_EQ(keys_of(*host.limits.list("a* ", 10, kNow)), (Keys{"a* m/1m"}));
    EXPECT_EQ(keys_of(*host.limits.list("", 10, kNow)), (Keys{"a m/1m", "a r/1m", "a* m/1m", "ab m/1m", "b m/1m"}));
    EXPECT_EQ(host.limits.list("", 3, kNow)->buckets.size(), 3u);
    EXPECT_EQ(host.limits.list("", 3, kNow)->total, 5u);
    EXPECT_EQ(keys_of(*host.limits.list("c ", 10, kNow)), Keys{});
    EXPECT_EQ(host.limits.list("a ", 10, kNow)->time, kNow);
}

TEST(RedisLimits, AreListedTheFullestFirstWhereThereAreTooMany)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{60, 1min, 60};
    for (int i = 0; i < 2500; ++i) take(host.limits, {charge("a s" + std::to_string(i), rate)});
    take(host.limits, {charge("a zzz", rate, 7)});
    auto const listed = host.limits.list("a ", 1, kNow).value();
    EXPECT_EQ(keys_of(listed), std::vector<std::string>{"a zzz"});
    EXPECT_EQ(listed.total, 2501u);
}

TEST(RedisLimits, AreForgottenByPrefix)
{
    RedisServer const server;
    Host host{server};
    for (int i = 0; i < 2500; ++i) take(host.limits, {charge("a m/sender " + std::to_string(i), {1, 24h, 1})});
    take(host.limits, {charge("ab m", {1, 24h, 1})});
    server.say({"SET", "elses", "1"});
    EXPECT_EQ(host.limits.list("a ", 5000, kNow)->buckets.size(), 2500u);
    EXPECT_EQ(host.limits.reset("a ").value(), 2500u);
    EXPECT_EQ(host.limits.reset("a ").value(), 0u);
    EXPECT_EQ(server.say({"DBSIZE"}), "2");
    EXPECT_TRUE(take(host.limits, {charge("a m/sender 1", {1, 24h, 1})}).taken);
}

TEST(RedisLimits, AreReadInTheOrderAsked)
{
    RedisServer const server;
    Host host{server, RedisLimits::Clock::Given};
    Rate const rate{10, 1h, 10};
    take(host.limits, {charge("a", rate, 1)});
    take(host.limits, {charge("b", rate, 2)});
    std::vector<std::string> keys{"b", "unknown", "a"};
    for (int i = 0; i < 1200; ++i) keys.push_back("other" + std::to_string(i));   // more than one piece
    auto const read = host.limits.read(keys, kNow).value();
    EXPECT_EQ(keys_of(read), keys);
    EXPECT_EQ(read.time, kNow);
    EXPECT_EQ(rules::level(read.buckets[0].bucket, rate, kNow).used, 2u);
    EXPECT_EQ(read.buckets[1].bucket, Bucket{});
    EXPECT_EQ(rules::level(read.buckets[2].bucket, rate, kNow).used, 1u);
    EXPECT_EQ(server.calls("set"), 2u);   // reading stores nothing
}

TEST(RedisLimits, GiveBackNothingOfABucketThatIsForgotten)
{
    RedisServer const server;
    Host host{server};
    auto const answer = take(host.limits, {charge("a m", {1, 24h, 1})});
    ASSERT_EQ(host.limits.reset("a ").value(), 1u);
    EXPECT_TRUE(host.limits.give_back(answer.receipt, kNow));
    EXPECT_EQ(server.say({"DBSIZE"}), "0");
    EXPECT_TRUE(host.limits.give_back({}, kNow));
}

}   // namespace
}   // namespace mailcore::store
