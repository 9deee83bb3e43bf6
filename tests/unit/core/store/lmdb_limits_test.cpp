// The counters of one host: exact under threads, processes and kills, and never the daemon's end whatever befalls the files.

#include "core/store/lmdb_limits.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

#include "core/store/lmdb_table.hpp"
#include "tests/unit/core/store/lmdb_story.hpp"

namespace mailcore::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<LmdbLimits> open_limits(std::string const& directory, std::size_t bytes = LmdbLimits::kDefaultBytes)
{
    auto limits = LmdbLimits::open(directory, bytes);
    EXPECT_TRUE(limits) << limits.error().message;
    return limits ? std::move(*limits) : nullptr;
}

std::string why(base::Result<rules::Answer> const& answer) { return answer ? "" : answer.error().message; }

std::uint64_t used(LmdbLimits& limits, std::string const& key, base::Time now = kNow)
{
    auto const keys = std::vector{key};
    auto const buckets = limits.read(keys, now);
    if (!buckets) return ~std::uint64_t{0};
    return level(buckets->buckets.front().bucket, charge(key, 1, 1'000'000).rate, now).used;
}

bool take_one(LmdbLimits& limits, std::string const& key, std::uint64_t burst = 1'000'000)
{
    auto const charges = std::vector{charge(key, 1, burst)};
    auto const answer = limits.take(charges, kNow);
    return answer && answer->taken && answer->uncounted == 0;
}

class LmdbLimitsTest : public ::testing::Test {
protected:
    std::string directory() const { return scratch_ / "limits"; }
    std::string file(char const* name) const { return directory() + "/" + name; }
    std::unique_ptr<LmdbLimits> open(std::size_t bytes = LmdbLimits::kDefaultBytes) const { return open_limits(directory(), bytes); }

    ScratchDirectory scratch_;
};

TEST_F(LmdbLimitsTest, SeveralChargesAreTakenTogether)
{
    auto const limits = open();
    auto const charges = std::vector{charge("t messages/1d", 1, 10), charge("t recipients/1d", 3, 100)};
    auto const answer = limits->take(charges, kNow);
    ASSERT_TRUE(answer) << why(answer);
    EXPECT_TRUE(answer->taken);
    EXPECT_EQ(answer->time, kNow);
    EXPECT_THAT(answer->outcomes, ElementsAre(rules::Outcome{}, rules::Outcome{}));
    ASSERT_EQ(answer->receipt.parts.size(), 2u);
    EXPECT_EQ(answer->receipt.parts[1].key, "t recipients/1d");
    EXPECT_EQ(answer->receipt.parts[1].taken.cost, 3u);
    EXPECT_EQ(answer->buckets[1].taken, 3u);
    EXPECT_EQ(used(*limits, "t messages/1d"), 100'000u);   // a tenth of the day
}

TEST_F(LmdbLimitsTest, OneRefusalTakesNothing)
{
    auto const limits = open();
    ASSERT_TRUE(take_one(*limits, "t small", 1));
    auto const charges = std::vector{charge("t large", 5, 100), charge("t small", 1, 1), charge("t tiny", 2, 1)};
    auto const answer = limits->take(charges, kNow);
    ASSERT_TRUE(answer) << why(answer);
    EXPECT_FALSE(answer->taken);
    EXPECT_TRUE(answer->receipt.empty());
    EXPECT_THAT(answer->outcomes, ElementsAre(rules::Outcome{},
                                              rules::Outcome{rules::Outcome::Kind::Wait, kNow + std::chrono::hours{24}},
                                              rules::Outcome{rules::Outcome::Kind::Never, {}}));
    EXPECT_EQ(answer->buckets[0], rules::Bucket{});
    EXPECT_EQ(limits->size(), 1u);
}

TEST_F(LmdbLimitsTest, AMessageWithoutLimitsCostsNothing)
{
    auto const answer = open()->take({}, kNow);
    ASSERT_TRUE(answer) << why(answer);
    EXPECT_TRUE(answer->taken);
    EXPECT_TRUE(answer->receipt.empty());
}

TEST_F(LmdbLimitsTest, ACostOfNothingLeavesNoBucket)
{
    auto const limits = open();
    auto const charges = std::vector{charge("t bytes/1d", 0, 10)};
    auto const answer = limits->take(charges, kNow);
    EXPECT_TRUE(answer && answer->taken);
    EXPECT_EQ(limits->size(), 0u);
    EXPECT_TRUE(limits->give_back(answer->receipt, kNow));
}

TEST_F(LmdbLimitsTest, ReadingChangesNothing)
{
    auto const limits = open();
    ASSERT_TRUE(take_one(*limits, "t a"));
    auto const keys = std::vector<std::string>{"t unknown", "t a"};
    auto const buckets = limits->read(keys, kNow);
    ASSERT_TRUE(buckets) << buckets.error().message;
    EXPECT_EQ(buckets->time, kNow);
    EXPECT_EQ(buckets->buckets[0].bucket, rules::Bucket{});
    EXPECT_EQ(buckets->buckets[1].key, "t a");
    EXPECT_EQ(buckets->buckets[1].bucket.taken, 1u);
    EXPECT_EQ(limits->size(), 1u);
}

TEST_F(LmdbLimitsTest, CountsSurviveReopening)
{
    auto const charges = std::vector{charge("t a", 7, 1'000'000)};
    ASSERT_TRUE(open()->take(charges, kNow));
    EXPECT_EQ(used(*open(), "t a"), 7u);
    EXPECT_EQ(open()->healed_at_open(), "");
}

TEST_F(LmdbLimitsTest, WhatIsGivenBackCanBeTakenAgain)
{
    auto const limits = open();
    auto const charges = std::vector{charge("t a", 10, 10), charge("t b", 2, 10)};
    auto const answer = limits->take(charges, kNow);
    ASSERT_TRUE(answer && answer->taken);
    EXPECT_FALSE(limits->take(charges, kNow)->taken);
    ASSERT_TRUE(limits->give_back(answer->receipt, kNow));
    EXPECT_TRUE(limits->take(charges, kNow)->taken);
}

TEST_F(LmdbLimitsTest, ListsATenantsBucketsThatAreNotEmpty)
{
    auto const limits = open();
    for (auto const* key : {"a x", "ab x", "ab y", "ab z", "b x"}) ASSERT_TRUE(take_one(*limits, key));
    auto const listed = [&](std::string_view prefix, std::size_t most, base::Time now = kNow) {
        std::vector<std::string> keys;
        auto const buckets = limits->list(prefix, most, now).value();
        for (auto const& keyed : buckets.buckets) keys.push_back(keyed.key);
        return keys;
    };
    EXPECT_THAT(listed("ab ", 100), ElementsAre("ab x", "ab y", "ab z"));
    EXPECT_THAT(listed("ab ", 2), ElementsAre("ab x", "ab y"));
    EXPECT_THAT(listed("", 100), ElementsAre("a x", "ab x", "ab y", "ab z", "b x"));
    EXPECT_THAT(listed("c ", 100), ElementsAre());
    EXPECT_THAT(listed("ab ", 100, kNow + std::chrono::hours{24}), ElementsAre());
}

TEST_F(LmdbLimitsTest, ListsTheFullestOfManyAndSaysHowManyThereAre)
{
    auto const limits = open();
    for (int i = 0; i < 30'000; ++i) ASSERT_TRUE(limits->take(std::vector{charge("t s" + std::to_string(i), 1, 10)}, kNow)->taken);
    ASSERT_TRUE(limits->take(std::vector{charge("t zzz", 5, 10)}, kNow)->taken);
    ASSERT_TRUE(limits->take(std::vector{charge("u", 9, 10)}, kNow)->taken);
    auto const listed = limits->list("t ", 1, kNow).value();
    ASSERT_EQ(listed.buckets.size(), 1u);
    EXPECT_EQ(listed.buckets[0].key, "t zzz");
    EXPECT_EQ(listed.total, 30'001u);
    EXPECT_EQ(limits->list("t ", 100'000, kNow)->buckets.size(), 30'001u);
}

TEST_F(LmdbLimitsTest, ForgetsOneTenantAndNotTheNext)
{
    auto const limits = open();
    for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(take_one(*limits, "ab sender" + std::to_string(i)));
    for (auto const* key : {"a x", "abc x"}) ASSERT_TRUE(take_one(*limits, key));
    EXPECT_EQ(limits->reset("ab ").value(), 1'000u);
    EXPECT_EQ(limits->reset("ab ").value(), 0u);
    EXPECT_EQ(limits->size(), 2u);
}

TEST_F(LmdbLimitsTest, KeysTooLongForTheTableAreStillCountedApart)
{
    auto const limits = open();
    auto const first = "t " + std::string(600, 'x') + "1";
    auto const second = "t " + std::string(600, 'x') + "2";
    ASSERT_TRUE(take_one(*limits, first, 1));
    EXPECT_FALSE(take_one(*limits, first, 1));
    EXPECT_TRUE(take_one(*limits, second, 1));
    EXPECT_EQ(limits->reset("t ").value(), 2u);
}

TEST_F(LmdbLimitsTest, AValueThatCannotBeReadCountsAsNew)
{
    struct Case {
        char const* note;
        std::string value;
    };
    auto const cases = std::vector<Case>{
        {"of a later format", std::string(1, '\x02') + std::string(48, '\x01')},
        {"cut short", std::string(1, '\x01') + std::string(47, '\0')},
        {"a rate of nothing", std::string(1, '\x01') + std::string(48, '\0')},
        {"more parts than a microsecond has", std::string(1, '\x01') + std::string(48, '\x01')},
        {"nothing", "x"},
    };
    for (auto const& [note, value] : cases) {
        SCOPED_TRACE(note);
        {
            auto table = lmdb::Table::open({"test", directory(), 1u << 20u}, lmdb::OnDamage::PutAside);
            ASSERT_TRUE(table) << table.error().message;
            auto transaction = (*table)->begin(lmdb::Access::Write);
            ASSERT_TRUE(transaction && transaction->put("t a", value) && transaction->commit());
        }
        auto const limits = open();
        EXPECT_EQ(used(*limits, "t a"), 0u);
        EXPECT_TRUE(take_one(*limits, "t a", 1));
        EXPECT_FALSE(take_one(*limits, "t a", 1));
    }
}

// ---- threads and processes

std::uint64_t take_in_threads(LmdbLimits& limits, int threads, int each)
{
    std::atomic<std::uint64_t> passed = 0;
    std::vector<std::thread> running;
    running.reserve(static_cast<std::size_t>(threads));
    for (int thread = 0; thread < threads; ++thread) {
        running.emplace_back([&limits, &passed, each] {
            auto const charges = std::vector{charge("t all", 1, 500), charge("t other", 1, 1'000'000)};
            for (int i = 0; i < each; ++i) {
                auto const answer = limits.take(charges, kNow);
                if (answer && answer->taken) ++passed;
            }
        });
    }
    for (auto& thread : running) thread.join();
    return passed;
}

TEST_F(LmdbLimitsTest, EightThreadsOfTwoProcessesLoseNothing)
{
    auto const work = [this](Child& child) {
        auto const limits = open_limits(directory());
        child.tell("ready");
        child.hear();
        return std::to_string(take_in_threads(*limits, 4, 100));
    };
    Child first{work};
    Child second{work};
    ASSERT_EQ(first.hear() + second.hear(), "readyready");
    first.tell("go");
    second.tell("go");
    auto const passed = std::stoul(first.hear()) + std::stoul(second.hear());
    EXPECT_EQ(passed, 500u);
    EXPECT_EQ(used(*open(), "t other"), 500u);
}

TEST_F(LmdbLimitsTest, GiveBacksBalanceUnderConcurrency)
{
    auto const limits = open();
    std::vector<std::thread> running;
    std::atomic<int> failures = 0;
    running.reserve(8);
    for (int thread = 0; thread < 8; ++thread) {
        running.emplace_back([&] {
            auto const charges = std::vector{charge("t a", 3, 1'000), charge("t b", 1, 1'000)};
            for (int i = 0; i < 50; ++i) {
                auto const answer = limits->take(charges, kNow);
                if (!answer || !answer->taken || !limits->give_back(answer->receipt, kNow)) ++failures;
            }
        });
    }
    for (auto& thread : running) thread.join();
    EXPECT_EQ(failures, 0);
    auto const everything = std::vector{charge("t a", 1'000, 1'000), charge("t b", 1'000, 1'000)};
    EXPECT_TRUE(limits->take(everything, kNow)->taken);
}

TEST_F(LmdbLimitsTest, AProcessKilledInTheMiddleLosesNothingAndBlocksNobody)
{
    auto* const counted = static_cast<std::atomic<std::uint64_t>*>(
        ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(counted, MAP_FAILED);
    auto const limits = open();
    auto const charges = std::vector{charge("t a", 1, 100'000'000), charge("u b", 1, 100'000'000)};
    std::mt19937 random{20'261'121};
    constexpr std::uint64_t kRounds = 60;
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
        Child child{[&](Child& self) -> std::string {
            auto const own = open_limits(directory());
            self.tell("ready");
            for (;;) {
                if (auto const answer = own->take(charges, kNow); answer && answer->taken) ++*counted;
            }
        }};
        ASSERT_EQ(child.hear(), "ready");
        std::this_thread::sleep_for(std::chrono::microseconds{std::uniform_int_distribution{0, 4'000}(random)});
        child.kill();

        auto const answer = limits->take(charges, kNow);   // would wait for ever for a lock that the dead one holds
        ASSERT_TRUE(answer) << why(answer);
        ++*counted;
        ASSERT_EQ(answer->buckets[0].taken, answer->buckets[1].taken);
        ASSERT_GE(answer->buckets[0].taken, *counted);
        ASSERT_LE(answer->buckets[0].taken, *counted + round) << "counted, and killed before it could say so: once a round at most";
    }
    EXPECT_GT(*counted, kRounds);
    ::munmap(counted, sizeof *counted);
    EXPECT_EQ(open_limits(directory())->healed_at_open(), "");
}

TEST_F(LmdbLimitsTest, AWriterKilledBeforeItCommitsHasWrittenNothing)
{
    auto const limits = open();
    ASSERT_TRUE(take_one(*limits, "t a"));
    Child child{[this](Child& self) -> std::string {
        auto table = lmdb::Table::open({"test", directory(), 1u << 20u}, lmdb::OnDamage::PutAside);
        auto transaction = (*table)->begin(lmdb::Access::Write);
        static_cast<void>(transaction->put("t a", "half a value"));
        self.tell("within");
        return self.hear();   // killed here
    }};
    ASSERT_EQ(child.hear(), "within");
    child.kill();
    EXPECT_TRUE(take_one(*limits, "t a"));
    EXPECT_EQ(used(*limits, "t a"), 2u);
}

TEST_F(LmdbLimitsTest, ADeadReaderDoesNotMakeTheTableGrow)
{
    auto const limits = open(1u << 20u);
    ASSERT_TRUE(take_one(*limits, "t a"));
    Child child{[this](Child& self) -> std::string {
        auto table = lmdb::Table::open({"test", directory(), 1u << 20u}, lmdb::OnDamage::PutAside);
        auto const transaction = (*table)->begin(lmdb::Access::Read);
        self.tell("within");
        return self.hear();   // killed here
    }};
    ASSERT_EQ(child.hear(), "within");
    child.kill();
    for (int i = 0; i < 2'000; ++i) {   // each writes new pages, and may use none again that the reader might see
        if (i % 50 == 0) {
            ASSERT_TRUE(limits->sweep(kNow));
        }
        ASSERT_TRUE(take_one(*limits, "t a"));
    }
    EXPECT_LT(std::filesystem::file_size(file("data.mdb")), 512u << 10u);
}

// ---- mishaps

struct Mishap {
    char const* name;
    void (*happen)(std::string const& directory);
    char const* error;
    char const* healed;
};

void PrintTo(Mishap const& mishap, std::ostream* out) { *out << mishap.name; }

void remove_all(std::string const& directory) { std::filesystem::remove_all(directory); }
void removed(std::string const& directory) { std::filesystem::remove(directory + "/data.mdb"); }
void garbage(std::string const& directory) { overwrite(directory + "/data.mdb", "garbage\n"); }
void nothing_left(std::string const& directory) { overwrite(directory + "/data.mdb", ""); }
void same_size(std::string const& directory) { fill_with_garbage(directory + "/data.mdb"); }
void half(std::string const& directory)
{
    auto const path = directory + "/data.mdb";
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
}
void another(std::string const& directory)
{
    std::filesystem::copy_file(directory + "/data.mdb", directory + "/copy");
    std::filesystem::rename(directory + "/copy", directory + "/data.mdb");
}
void lock_removed(std::string const& directory) { std::filesystem::remove(directory + "/lock.mdb"); }
void lock_cut(std::string const& directory) { overwrite(directory + "/lock.mdb", "garbage\n"); }
void lock_same_size(std::string const& directory) { fill_with_garbage(directory + "/lock.mdb"); }

#define ASIDE "; put aside as data.mdb.damaged; begun anew"
Mishap const kMishaps[] = {
    {"DirectoryRemoved", remove_all, "data.mdb is gone", "data.mdb is gone; begun anew"},
    {"TableRemoved", removed, "data.mdb is gone", "data.mdb is gone; begun anew"},
    {"Garbage", garbage, "data.mdb has been cut short", "data.mdb has been cut short" ASIDE},
    {"NothingLeft", nothing_left, "data.mdb has been cut short", "data.mdb has been cut short" ASIDE},
    {"Half", half, "data.mdb has been cut short", "data.mdb has been cut short" ASIDE},
    {"SameSizeGarbage", same_size, "data.mdb has been overwritten", "data.mdb has been overwritten" ASIDE},
    {"AnotherFile", another, "data.mdb is gone", "data.mdb is gone; opened again"},
    {"LockRemoved", lock_removed, "lock.mdb is gone", "lock.mdb is gone" ASIDE},
    {"LockCut", lock_cut, "lock.mdb has been cut short", "lock.mdb has been cut short" ASIDE},
    {"LockSameSizeGarbage", lock_same_size, "lock.mdb has been overwritten", "lock.mdb has been overwritten" ASIDE},
};
#undef ASIDE

class LmdbLimitsMishapTest : public LmdbLimitsTest, public ::testing::WithParamInterface<Mishap> {
protected:
    std::string named(char const* words) const { return "lmdb:" + directory() + ": " + words; }
};

TEST_P(LmdbLimitsMishapTest, IsAnErrorAndHealed)
{
    auto const limits = open();
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(take_one(*limits, "t " + std::to_string(i)));
    EXPECT_EQ(limits->heal().value(), "") << "nothing to heal yet";

    GetParam().happen(directory());
    wait_for_next_tick();
    auto const error = named(GetParam().error);
    auto const charges = std::vector{charge("t 1", 1, 1'000)};
    auto const keys = std::vector<std::string>{"t 1"};
    EXPECT_EQ(limits->take(charges, kNow).error().message, error);
    EXPECT_EQ(limits->read(keys, kNow).error().message, error);
    EXPECT_EQ(limits->list("t ", 10, kNow).error().message, error);
    EXPECT_EQ(limits->reset("t ").error().message, error);
    EXPECT_EQ(limits->sweep(kNow).error().message, error);
    EXPECT_EQ(limits->size(), 0u);

    EXPECT_EQ(limits->heal().value(), named(GetParam().healed));
    EXPECT_EQ(limits->heal().value(), "");
    EXPECT_TRUE(take_one(*limits, "t new"));
    EXPECT_EQ(used(*limits, "t new"), 1u);
}

TEST_P(LmdbLimitsMishapTest, IsHealedAtTheNextStart)
{
    {
        auto const limits = open();
        for (int i = 0; i < 300; ++i) ASSERT_TRUE(take_one(*limits, "t " + std::to_string(i)));
    }
    GetParam().happen(directory());
    auto const limits = open();
    EXPECT_TRUE(take_one(*limits, "t new"));
    EXPECT_EQ(used(*limits, "t new"), 1u);
}

TEST_P(LmdbLimitsMishapTest, ReachesTheOtherDaemonWhichTakesTheNewTable)
{
    Child other{[this](Child& self) {
        auto const limits = open_limits(directory());
        take_one(*limits, "t a");
        self.tell("ready");
        self.hear();   // the mishap has happened, and the other one has healed it
        wait_for_next_tick();
        auto const charges = std::vector{charge("t a", 1, 1'000'000)};
        self.tell(why(limits->take(charges, kNow)));
        self.tell(limits->heal().value());
        auto const found = std::to_string(used(*limits, "t a"));
        return found + (take_one(*limits, "t a") ? " taken" : " lost");
    }};
    ASSERT_EQ(other.hear(), "ready");
    auto const limits = open();
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(take_one(*limits, "t " + std::to_string(i)));
    GetParam().happen(directory());
    wait_for_next_tick();
    ASSERT_FALSE(take_one(*limits, "t a"));
    ASSERT_THAT(limits->heal().value(), StartsWith(named(GetParam().error)));
    ASSERT_EQ(limits->reset("").value(), GetParam().happen == &another ? 301u : 0u);
    ASSERT_TRUE(take_one(*limits, "t a"));
    ASSERT_TRUE(take_one(*limits, "t a"));
    other.tell("healed");
    EXPECT_THAT(other.hear(), StartsWith(named("")));
    EXPECT_THAT(other.hear(), ::testing::EndsWith("; opened again"));
    EXPECT_EQ(other.hear(), "2 taken");
    EXPECT_EQ(used(*limits, "t a"), 3u);
    EXPECT_EQ(limits->heal().value(), "");
}

INSTANTIATE_TEST_SUITE_P(All, LmdbLimitsMishapTest, ::testing::ValuesIn(kMishaps),
                         [](auto const& mishap) { return std::string{mishap.param.name}; });

TEST_F(LmdbLimitsTest, HealingWhileThreadsCountLosesNoThread)
{
    auto const limits = open();
    ASSERT_TRUE(take_one(*limits, "t a"));
    std::atomic<bool> stop = false;
    std::atomic<int> counted = 0;
    std::vector<std::thread> running;
    running.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
        running.emplace_back([&] {
            while (!stop) counted += take_one(*limits, "t a") ? 1 : 0;
        });
    }
    // `rm -rf` leaves the mapped file as it was, so this may happen at any moment.
    for (int round = 0; round < 20; ++round) {
        std::filesystem::remove_all(directory());
        auto const healed = limits->heal();
        ASSERT_TRUE(healed) << healed.error().message;
        EXPECT_THAT(*healed, ::testing::EndsWith(" is gone; begun anew"));
        auto const before = counted.load();
        while (counted == before) std::this_thread::yield();
    }
    stop = true;
    for (auto& thread : running) thread.join();
}

TEST_F(LmdbLimitsTest, NoDamagedPageIsMoreThanATableBegunAnew)
{
    {
        auto const limits = open(2u << 20u);
        std::mt19937 order{7};
        for (int i = 0; i < 1'500; ++i) ASSERT_TRUE(take_one(*limits, "t " + std::to_string(order())));
        ASSERT_TRUE(limits->sweep(kNow + std::chrono::hours{24}, 400));   // so that there are free pages, too
    }
    auto const sound = scratch_ / "sound.mdb";
    std::filesystem::copy_file(file("data.mdb"), sound);
    auto const pages = std::filesystem::file_size(sound) / 4096;
    std::mt19937 random{20'261'121};
    auto const any = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>{0, below - 1}(random); };
    int begun_anew = 0;
    for (int round = 0; round < 300; ++round) {
        SCOPED_TRACE(round);
        std::filesystem::copy_file(sound, file("data.mdb"), std::filesystem::copy_options::overwrite_existing);
        std::fstream data{file("data.mdb"), std::ios::in | std::ios::out | std::ios::binary};
        auto const page = any(pages) * 4096;
        switch (round % 3) {
            case 0:   // never reached the disk
                data.seekp(static_cast<std::streamoff>(page));
                data << std::string(4096, '\0');
                break;
            case 1: {   // one of an earlier commit, or of another place
                std::string other(4096, '\0');
                data.seekg(static_cast<std::streamoff>(any(pages) * 4096));
                data.read(other.data(), 4096);
                data.seekp(static_cast<std::streamoff>(page));
                data << other;
                break;
            }
            default:   // bits that have changed, most of them where they matter
                for (int i = 0; i < 4; ++i) {
                    data.seekp(static_cast<std::streamoff>(page + any(i % 2 == 0 ? 64 : 4096)));
                    data.put(static_cast<char>(any(256)));
                }
        }
        data.close();

        auto const limits = open(2u << 20u);
        ASSERT_NE(limits, nullptr);
        begun_anew += limits->healed_at_open().empty() ? 0 : 1;
        EXPECT_TRUE(limits->list("", 10'000, kNow));
        for (int i = 0; i < 20; ++i) EXPECT_TRUE(take_one(*limits, "t " + std::to_string(random())));
        EXPECT_TRUE(limits->sweep(kNow + std::chrono::hours{24}));
        EXPECT_EQ(limits->heal().value(), "");
    }
    EXPECT_GT(begun_anew, 100);
    EXPECT_LT(begun_anew, 300) << "what is not used may be damaged";
}

TEST_F(LmdbLimitsTest, ADamagedPageIsNamedAndTheOldTableKept)
{
    {
        auto const limits = open();
        for (int i = 0; i < 300; ++i) ASSERT_TRUE(take_one(*limits, "t " + std::to_string(i)));
    }
    auto const old_size = std::filesystem::file_size(file("data.mdb"));
    std::fstream data{file("data.mdb"), std::ios::in | std::ios::out | std::ios::binary};
    constexpr std::streamoff kHeads = 8'192;
    data.seekp(kHeads);
    data << std::string(old_size - kHeads, '\0');
    data.close();
    auto const limits = open();
    EXPECT_THAT(limits->healed_at_open(), StartsWith("lmdb:" + directory() + ": data.mdb is damaged: page "));
    EXPECT_THAT(limits->healed_at_open(), ::testing::EndsWith(" is none of its kind; put aside as data.mdb.damaged; begun anew"));
    EXPECT_EQ(std::filesystem::file_size(file("data.mdb.damaged")), old_size);
    EXPECT_EQ(limits->size(), 0u);
}

TEST_F(LmdbLimitsTest, ATableThatCannotBeOpenedSaysSoAndIsTriedAgain)
{
    EXPECT_EQ(LmdbLimits::open("/proc/no/such/place").error().message,
              "lmdb:/proc/no/such/place: cannot make /proc/no/such/place: No such file or directory");

    auto const limits = open();
    std::filesystem::remove_all(directory());
    overwrite(directory(), "a file in its place");
    wait_for_next_tick();
    auto const error = limits->heal().error().message;
    EXPECT_EQ(error, "lmdb:" + directory() + ": cannot make " + directory() + ": Not a directory");
    EXPECT_FALSE(take_one(*limits, "t a"));
    std::filesystem::remove(directory());
    EXPECT_EQ(limits->heal().value(), "lmdb:" + directory() + ": data.mdb is gone; begun anew");
    EXPECT_TRUE(take_one(*limits, "t a"));
}

// ---- room

TEST_F(LmdbLimitsTest, AFullTableSaysSoAndWorksAfterTheSweep)
{
    constexpr std::size_t kBytes = 1u << 20u;
    auto const limits = open(kBytes);
    int taken = 0;
    while (take_one(*limits, "t sender" + std::to_string(taken)) && taken < 100'000) ++taken;
    EXPECT_GT(taken, 2'000);
    auto const one_more = std::vector{charge("t one more", 1, 10)};
    auto const uncounted = limits->take(one_more, kNow).value();
    EXPECT_TRUE(uncounted.taken);
    EXPECT_EQ(uncounted.uncounted, 1u);
    EXPECT_TRUE(uncounted.receipt.empty());
    EXPECT_TRUE(limits->give_back(uncounted.receipt, kNow));
    EXPECT_TRUE(limits->is_full());
    EXPECT_TRUE(take_one(*limits, "t sender7")) << "what is in it is counted on";
    EXPECT_TRUE(limits->is_full()) << "and makes no room";
    auto const of_both = std::vector{charge("t sender7", 1'000'000, 1'000'000), charge("t one more", 1, 10)};
    EXPECT_FALSE(limits->take(of_both, kNow)->taken) << "nor does the new one lift the limit of the other";
    rules::Limit const as_a_whole{};
    auto tenants_own = charge("u as a whole", 1, 10);
    tenants_own.limit = &as_a_whole;
    EXPECT_EQ(limits->take(std::vector{tenants_own}, kNow)->uncounted, 0u) << "for tenants as a whole there is room left";
    EXPECT_EQ(limits->reset("u ").value(), 1u);

    EXPECT_EQ(limits->sweep(kNow, 100'000).value(), 0u);
    EXPECT_TRUE(limits->is_full());
    EXPECT_EQ(limits->sweep(kNow + std::chrono::hours{24}, 100'000).value(), static_cast<std::size_t>(taken));
    EXPECT_EQ(limits->size(), 0u);
    EXPECT_EQ(limits->sweep(kNow).value(), 0u);
    EXPECT_FALSE(limits->is_full());
    EXPECT_TRUE(take_one(*limits, "t one more"));
    EXPECT_LE(std::filesystem::file_size(file("data.mdb")), kBytes);
    EXPECT_EQ(limits->heal().value(), "") << "full is not damaged";
}

TEST_F(LmdbLimitsTest, EmptyBucketsAreSweptPieceByPiece)
{
    auto const limits = open();
    for (int i = 0; i < 1'000; ++i) {
        auto const charges = std::vector{charge("t " + std::to_string(1'000 + i), i % 2 == 0 ? 1 : 500, 1'000)};
        ASSERT_TRUE(limits->take(charges, kNow)->taken);
    }
    auto const later = kNow + std::chrono::hours{1};   // the small ones are served
    std::size_t forgotten = 0;
    for (int piece = 0; piece < 4; ++piece) {
        auto const now_forgotten = limits->sweep(later, 300).value();
        EXPECT_LE(now_forgotten, 150u);
        forgotten += now_forgotten;
    }
    EXPECT_EQ(forgotten, 500u);
    EXPECT_EQ(limits->size(), 500u);
    EXPECT_EQ(limits->sweep(kNow + std::chrono::hours{25}, 300).value(), 300u) << "from the beginning again";
}

// The clock was ten years ahead for a while: what was counted then counts as empty, and must not stay for ten years.
TEST_F(LmdbLimitsTest, BucketsOfAClockThatWasAheadAreSwept)
{
    auto const limits = open();
    auto const ahead = kNow + std::chrono::hours{24 * 3'650};
    for (auto const* key : {"t a", "t b"}) ASSERT_TRUE(limits->take(std::vector{charge(key, 1, 10)}, ahead)->taken);
    ASSERT_TRUE(take_one(*limits, "t now"));
    ASSERT_TRUE(limits->take(std::vector{charge("t a little ahead", 1, 10)}, kNow + rules::kMostSkew)->taken);
    EXPECT_EQ(limits->sweep(kNow).value(), 2u);
    EXPECT_EQ(limits->size(), 2u);
}

TEST_F(LmdbLimitsTest, TryingToWriteLeavesNothingBehind)
{
    auto const limits = open();
    EXPECT_TRUE(limits->try_to_write());
    ASSERT_TRUE(take_one(*limits, "t a"));
    EXPECT_TRUE(limits->try_to_write());
    EXPECT_EQ(limits->size(), 1u);
}

TEST_F(LmdbLimitsTest, AFullDiskIsAnErrorUntilThereIsRoom)
{
    ::signal(SIGXFSZ, SIG_IGN);
    auto const limits = open();
    ASSERT_TRUE(take_one(*limits, "t a"));
    rlimit unlimited{};
    ::getrlimit(RLIMIT_FSIZE, &unlimited);
    rlimit const none_left{16'384, unlimited.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none_left);
    std::string error;
    for (int i = 0; i < 1'000 && error.empty(); ++i) {
        auto const charges = std::vector{charge("t sender" + std::to_string(i), 1, 10)};
        error = why(limits->take(charges, kNow));
    }
    auto const anew = LmdbLimits::open(scratch_ / "another");
    EXPECT_FALSE(limits->try_to_write()) << "a table that can be read is none that counts";
    ::setrlimit(RLIMIT_FSIZE, &unlimited);
    ::signal(SIGXFSZ, SIG_DFL);
    EXPECT_THAT(error, ::testing::AnyOf("lmdb:" + directory() + ": write: File too large",
                                        "lmdb:" + directory() + ": write: cut short; is the disk full?"));
    auto const another = scratch_ / "another";
    EXPECT_EQ(anew.error().message, "lmdb:" + another + ": cannot make " + another + "/lock.mdb: File too large");
    EXPECT_TRUE(take_one(*limits, "t one more"));
    EXPECT_EQ(limits->heal().value(), "");
}

// ---- owners

TEST_F(LmdbLimitsTest, FilesAreForOwnerAndGroupWhateverTheUmask)
{
    auto const before = ::umask(077);
    open();
    ::umask(before);
    for (auto const* name : {"data.mdb", "lock.mdb"}) {
        struct stat status{};
        ASSERT_EQ(::stat(file(name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777u, 0660u) << name;
    }
}

TEST_F(LmdbLimitsTest, RootsFilesBelongToTheDirectorysOwner)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    constexpr uid_t kNobody = 65'534;
    ASSERT_EQ(::chown(scratch_.path().c_str(), kNobody, kNobody), 0);
    auto const limits = open();   // makes the directory, too
    ASSERT_TRUE(take_one(*limits, "t a"));
    std::filesystem::remove(file("lock.mdb"));
    ASSERT_THAT(limits->heal().value(), HasSubstr("begun anew"));
    for (auto const& path : {directory(), file("data.mdb"), file("lock.mdb")}) {
        struct stat status{};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_uid, kNobody) << path;
        EXPECT_EQ(status.st_gid, kNobody) << path;
    }
    Child daemon{[this](Child&) -> std::string {
        if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return "still root";
        auto const own = LmdbLimits::open(directory());
        return own ? (take_one(**own, "t a") ? "taken" : "refused") : own.error().message;
    }};
    EXPECT_EQ(daemon.hear(), "taken");
    std::ofstream root_again{scratch_ / "root's"};
    EXPECT_TRUE(root_again) << "this thread is root again";
}

TEST_F(LmdbLimitsTest, RootFollowsNoLinkThatTheOwnerOfTheDirectoryHasLaid)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can reach what the owner cannot";
    constexpr uid_t kNobody = 65'534;
    ScratchDirectory const roots;
    overwrite(roots / "precious", "precious");
    ASSERT_EQ(::chown(scratch_.path().c_str(), kNobody, kNobody), 0);
    for (auto const* name : {"data.mdb", "lock.mdb"}) {
        open();
        std::filesystem::remove(file(name));
        std::filesystem::create_symlink(roots / "precious", file(name));
        EXPECT_FALSE(LmdbLimits::open(directory())) << name;
        std::filesystem::remove_all(directory());
    }
    std::string text;
    std::ifstream{roots / "precious"} >> text;
    EXPECT_EQ(text, "precious");
}

}   // namespace
}   // namespace mailcore::store
