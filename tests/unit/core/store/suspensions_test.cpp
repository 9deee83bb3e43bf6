// Suspensions of two hosts and the Redis that they share: only a resume lifts one.

#include "core/store/suspensions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/store/limits.hpp"
#include "tests/unit/core/store/redis_server.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RedisServer;

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

// "shop suspended (invoice 4711), test resumed"
std::string shown(rules::Suspensions const& suspensions)
{
    std::string text;
    for (auto const& [tenant, entry] : suspensions) {
        text += (text.empty() ? "" : ", ") + tenant + (entry.suspended ? " suspended" : " resumed");
        if (!entry.reason.empty()) text += " (" + entry.reason + ")";
    }
    return text;
}

std::string shown(base::Result<SuspensionKeeper::Told> const& set)
{
    if (!set) return set.error().message;
    return set->shared ? (set->trouble.empty() ? "everywhere" : "there: " + set->trouble) : "here";
}

// A directory that vanishes.
class Directory {
public:
    Directory()
    {
        char name[] = "/tmp/mailcore-suspensions-test-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(Directory const&) = delete;
    Directory& operator=(Directory const&) = delete;
    std::string const& path() const { return path_; }

private:
    std::string path_;
};

void damage(std::string const& file)
{
    auto const size = std::filesystem::file_size(file);
    std::fstream{file, std::ios::in | std::ios::out | std::ios::binary} << std::string(size, '\xA7');
}

// A relay host: its daemon can be stopped and started again, and its disk stays.
class Host {
public:
    explicit Host(std::string store) : store_{std::move(store)} { start(); }

    void start()
    {
        LimitsOptions options;
        options.store = store_;
        options.fallback = "";
        options.timeout = 5s;
        options.state_directory = directory_.path();
        auto limits = Limits::open(options, [](Notice const&) {});
        if (!limits) throw std::runtime_error{limits.error().message};
        limits_ = std::move(*limits);
        auto keeper = SuspensionKeeper::open(options, *limits_, [this](Notice const& notice) { notices_.push_back(notice); }, kNow);
        if (!keeper) throw std::runtime_error{keeper.error().message};
        keeper_ = std::move(*keeper);
    }
    void stop()
    {
        keeper_.reset();
        limits_.reset();
    }

    // What the daemon's thread does four times a second.
    bool turn(base::Time now = kNow)
    {
        limits_->keep(now);
        return keeper_->refresh(now);
    }
    // Those since they were asked for last: "failed: …", "mended: …".
    std::vector<std::string> notices()
    {
        std::vector<std::string> words;
        for (auto const& one : std::exchange(notices_, {})) {
            words.push_back((one.kind == Notice::Kind::SuspensionsFailed ? "failed: " : "mended: ") + one.words);
        }
        return words;
    }
    SuspensionKeeper::Health health() const { return keeper_->health(); }
    base::Result<SuspensionKeeper::Told> try_to_suspend(std::string const& tenant) { return keeper_->set(tenant, true, "", kNow); }
    std::string suspend(std::string const& tenant, std::string const& reason = "", base::Time now = kNow)
    {
        return shown(keeper_->set(tenant, true, reason, now));
    }
    std::string resume(std::string const& tenant, base::Time now = kNow) { return shown(keeper_->set(tenant, false, "", now)); }
    bool holds(std::string const& tenant) const { return keeper_->current().holds(tenant); }
    rules::Suspensions const& known() const { return keeper_->current(); }
    Limits& limits() { return *limits_; }
    std::string const& directory() const { return directory_.path(); }
    void damage_own_copy() const { damage(directory() + "/suspensions/data.mdb"); }

private:
    Directory directory_;
    std::string store_;
    std::vector<Notice> notices_;
    std::unique_ptr<Limits> limits_;
    std::unique_ptr<SuspensionKeeper> keeper_;
};

// ---- What goes right ----

TEST(Suspensions, AreSeenByEveryHost)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    EXPECT_EQ(first.suspend("shop", "invoice 4711"), "everywhere");
    EXPECT_TRUE(first.holds("shop"));
    EXPECT_FALSE(second.holds("shop"));
    EXPECT_TRUE(second.turn());
    EXPECT_TRUE(second.holds("shop"));
    EXPECT_EQ(shown(second.known()), "shop suspended (invoice 4711)");
    EXPECT_FALSE(second.turn());   // nothing new

    EXPECT_EQ(second.resume("shop"), "everywhere");
    EXPECT_TRUE(first.turn());
    EXPECT_FALSE(first.holds("shop"));
    EXPECT_EQ(shown(first.known()), "shop resumed");
}

TEST(Suspensions, CostOneRoundTripATurnWhileNothingChanges)
{
    RedisServer const server;
    Host host{server.url()};
    host.suspend("shop");
    host.turn();
    server.say({"CONFIG", "RESETSTAT"});
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(host.turn());
    EXPECT_EQ(server.calls("hget"), 10u);
    EXPECT_EQ(server.calls("hgetall"), 0u);
    EXPECT_EQ(server.calls("evalsha"), 0u);
}

TEST(Suspensions, SurviveARestartOfTheHost)
{
    RedisServer server;
    Host host{server.url()};
    host.suspend("shop", "invoice 4711");
    host.stop();
    server.stop();
    host.start();   // Redis is away: from the host's own copy
    EXPECT_EQ(shown(host.known()), "shop suspended (invoice 4711)");
}

TEST(Suspensions, MayHaveAnyReason)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    std::string const reason = " two\r\nlines \"quoted\" M\xC3\xBCller suspended resumed ";
    first.suspend("shop", reason);
    second.turn();
    ASSERT_NE(second.known().find("shop"), nullptr);
    EXPECT_EQ(*second.known().find("shop"), (rules::Suspension{true, kNow, reason}));
}

// ---- A Redis that is lost ----

TEST(Suspensions, AreGivenBackToARedisThatWasFlushed)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    first.suspend("shop");
    first.resume("test");
    second.turn();
    server.say({"FLUSHALL"});
    EXPECT_FALSE(second.turn());   // nothing changes for this host
    EXPECT_TRUE(second.holds("shop"));
    Host third{server.url()};      // which has nothing of its own
    EXPECT_EQ(shown(third.known()), "shop suspended, test resumed");
}

TEST(Suspensions, AreGivenBackToAnEmptyRedisInPlaceOfTheOldOne)
{
    RedisServer server;
    Host host{server.url()};
    host.suspend("shop");
    server.kill();
    server.start();   // with nothing in it
    EXPECT_EQ(server.say({"DBSIZE"}), "0");
    host.turn();
    EXPECT_TRUE(host.holds("shop"));
    EXPECT_TRUE(Host{server.url()}.holds("shop"));
}

TEST(Suspensions, AreGivenBackFromTheDiskOfAHostThatWasStoppedMeanwhile)
{
    RedisServer server;
    Host host{server.url()};
    host.suspend("shop");
    host.stop();
    server.kill();
    server.start();
    host.start();
    EXPECT_TRUE(Host{server.url()}.holds("shop"));
}

// One host gives back what it knows before another has looked: the version is not one that the other has seen.
TEST(Suspensions, AreCompletedByEachHostAfterALoss)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    first.suspend("a");
    second.turn();
    second.suspend("b");   // which the first has not seen yet
    server.say({"FLUSHALL"});
    first.turn();
    EXPECT_TRUE(second.turn() || second.holds("b"));
    first.turn();
    EXPECT_EQ(shown(first.known()), "a suspended, b suspended");
    EXPECT_EQ(shown(Host{server.url()}.known()), "a suspended, b suspended");
}

TEST(Suspensions, StayWhereRedisHoldsAnOlderBackup)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    first.suspend("shop");
    auto const backup = server.say({"HGET", "mailcore:suspensions", "shop"});
    auto const version = server.say({"HGET", "mailcore:suspensions", ":version"});
    first.resume("shop", kNow + 1s);
    first.suspend("test", "", kNow + 1s);
    second.turn();
    server.say({"DEL", "mailcore:suspensions"});
    server.say({"HSET", "mailcore:suspensions", "shop", backup, ":version", version});
    EXPECT_FALSE(second.turn());
    EXPECT_FALSE(second.holds("shop"));   // the resume is the later
    EXPECT_EQ(shown(Host{server.url()}.known()), "shop resumed, test suspended");
}

TEST(Suspensions, AreWrittenAnewWhereRedisHoldsWhatCannotBeRead)
{
    RedisServer const server;
    Host host{server.url()};
    host.suspend("shop");
    for (auto const* const damage : {"", "x", "17", "17 sleeping ", "99999999999999999999 resumed ", "99999999999999999 nonsense",
                                     "9007199254740993 resumed ", "-5 suspended x", " 9 resumed "}) {
        server.say({"HSET", "mailcore:suspensions", "shop", damage});
        server.say({"HINCRBY", "mailcore:suspensions", ":version", "1"});
        host.turn();
        EXPECT_TRUE(host.holds("shop")) << damage;
        EXPECT_TRUE(Host{server.url()}.holds("shop")) << damage;
        host.turn();   // sees its own writing
        server.say({"CONFIG", "RESETSTAT"});
        host.turn();
        EXPECT_EQ(server.calls("hgetall") + server.calls("evalsha"), 0u) << damage;   // and all is said
    }
}

// ---- A Redis that is away ----

TEST(Suspensions, MadeWhileRedisIsAwayReachTheOthersWhenItIsBack)
{
    RedisServer server;
    Host first{server.url()}, second{server.url()};
    server.kill();
    EXPECT_EQ(first.suspend("shop"), "here");
    EXPECT_TRUE(first.holds("shop"));
    EXPECT_FALSE(first.turn());
    EXPECT_FALSE(second.turn());
    EXPECT_FALSE(second.holds("shop"));
    server.start();
    first.turn();
    EXPECT_TRUE(second.turn());
    EXPECT_TRUE(second.holds("shop"));
}

TEST(Suspensions, MadeWhileRedisIsAwayReachItAlsoAfterARestartOfTheHost)
{
    RedisServer server;
    Host first{server.url()}, second{server.url()};
    server.kill();
    EXPECT_EQ(first.suspend("shop"), "here");
    first.stop();
    server.start();
    first.start();
    EXPECT_TRUE(second.turn());
    EXPECT_TRUE(second.holds("shop"));
}

TEST(Suspensions, AreEnforcedWhileRedisIsAway)
{
    RedisServer server;
    Host host{server.url()};
    host.suspend("shop");
    server.kill();
    for (int i = 0; i < 3; ++i) host.turn();
    EXPECT_TRUE(host.holds("shop"));
}

TEST(Suspensions, LiftedByAResumeAreNotBroughtBackByAStaleCopy)
{
    RedisServer server;
    Host first{server.url()}, second{server.url()};
    first.suspend("shop");
    second.turn();
    second.stop();                 // with the suspension on its disk
    EXPECT_EQ(first.resume("shop", kNow + 1s), "everywhere");
    server.kill();
    server.start();                // and Redis has lost all
    second.start();
    EXPECT_TRUE(second.holds("shop"));   // it cannot know better yet
    first.turn();
    second.turn();
    EXPECT_FALSE(second.holds("shop"));
    EXPECT_FALSE(first.holds("shop"));
    EXPECT_EQ(shown(Host{server.url()}.known()), "shop resumed");
}

// ---- Clocks that differ ----

TEST(Suspensions, AreChangedByTheLastWordWhateverTheClocksSay)
{
    RedisServer const server;
    Host ahead{server.url()}, behind{server.url()};
    EXPECT_EQ(ahead.suspend("shop", "", kNow + 1h), "everywhere");
    EXPECT_EQ(behind.resume("shop", kNow), "everywhere");   // which has not heard of it yet
    EXPECT_FALSE(behind.holds("shop"));
    EXPECT_TRUE(ahead.turn());
    EXPECT_FALSE(ahead.holds("shop"));
    EXPECT_EQ(ahead.known().find("shop")->time, kNow + 1h + 1us);
    EXPECT_EQ(behind.suspend("shop", "", kNow + 2s), "everywhere");
    EXPECT_TRUE(ahead.turn());
    EXPECT_TRUE(ahead.holds("shop"));
}

TEST(Suspensions, SaidTwiceAtOneTimeAreTwoChanges)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    first.suspend("shop");
    first.resume("shop");
    first.suspend("shop", "again");
    second.turn();
    EXPECT_EQ(shown(second.known()), "shop suspended (again)");
}

// ---- Copies that fail ----

TEST(Suspensions, AreSharedThoughTheHostsOwnCopyIsLost)
{
    RedisServer const server;
    Host first{server.url()}, second{server.url()};
    first.suspend("shop");
    std::filesystem::remove_all(first.directory() + "/suspensions");
    first.turn();
    EXPECT_TRUE(first.holds("shop"));
    EXPECT_EQ(first.suspend("test"), "everywhere");
    second.turn();
    EXPECT_EQ(shown(second.known()), "shop suspended, test suspended");
    first.turn();
    server.say({"FLUSHALL"});
    first.stop();
    first.start();   // from its own copy, which has been made anew
    EXPECT_EQ(shown(first.known()), "shop suspended, test suspended");
}

TEST(Suspensions, ThatRedisRefusesAreToldWithItsWordsOnceAMinute)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "weak", "on", ">pw", "~mailcore:limit:*", "~mailcore:probe", "-@all", "+@read", "+@write", "+@scripting",
                "+@connection", "+time"});
    auto url = server.url("weak:pw");
    Host host{url};
    host.turn();
    auto const words = server.url() + ": its ACL allows this user too little: ~mailcore:* +@read +@write +@scripting +@connection +time "
                       "(NOPERM this user has no permissions to access one of the keys used as arguments)";
    EXPECT_THAT(host.notices(), ElementsAre("failed: " + words));
    EXPECT_TRUE(host.health().host_up);
    EXPECT_FALSE(host.health().shared_up);
    EXPECT_THAT(host.health().troubles, ElementsAre(words));
    auto const told = host.try_to_suspend("shop");
    ASSERT_TRUE(told);
    EXPECT_FALSE(told->shared);
    EXPECT_THAT(told->trouble, ::testing::StartsWith(server.url() + ": its ACL allows this user too little: "));

    server.say({"ACL", "SETUSER", "weak", "~mailcore:*"});
    host.turn();
    EXPECT_THAT(host.notices(), ElementsAre("mended: the shared copy of the suspensions can be read and written again"));
    EXPECT_TRUE(host.health().shared_up);
    EXPECT_TRUE(Host{server.url()}.holds("shop"));
}

TEST(Suspensions, OfARedisThatIsAwayAreToldByTheLimitsAlone)
{
    RedisServer server;
    Host host{server.url()};
    server.kill();
    host.turn();
    host.turn(kNow + 2min);
    EXPECT_THAT(host.notices(), IsEmpty());
    EXPECT_THAT(host.health().troubles, IsEmpty());
    EXPECT_FALSE(host.health().shared_up);
    server.start();
    host.turn(kNow + 3min);
    EXPECT_TRUE(host.health().shared_up);
}

TEST(Suspensions, OnADamagedDiskAreWrittenAnewFromRedisAtTheStart)
{
    RedisServer const server;
    Host host{server.url()};
    host.suspend("shop", "invoice 4711");
    host.stop();
    host.damage_own_copy();
    host.start();
    EXPECT_EQ(shown(host.known()), "shop suspended (invoice 4711)");
    EXPECT_THAT(host.notices(), ElementsAre("mended: suspensions in " + host.directory() + "/suspensions: data.mdb is damaged: it is no LMDB "
                                            "table; put aside as data.mdb.damaged; begun anew; what is known of suspensions is written to it"));
    server.say({"FLUSHALL"});
    host.stop();
    host.start();   // from its own copy again
    EXPECT_TRUE(host.holds("shop"));
}

TEST(Suspensions, OnADamagedDiskStopTheStartWhileRedisIsAway)
{
    RedisServer server;
    Host host{server.url()};
    host.suspend("shop");
    host.stop();
    host.damage_own_copy();
    server.kill();
    auto const folder = host.directory() + "/suspensions";
    try {
        host.start();
        FAIL() << "a suspension was forgotten";
    } catch (std::runtime_error const& refused) {
        EXPECT_THAT(refused.what(), ::testing::StartsWith("suspensions in " + folder + ": data.mdb is damaged: it is no LMDB table; remove " + folder +
                                                          " and it is begun anew; nor can the other copy be read: Redis is away: "));
    }
    EXPECT_FALSE(std::filesystem::exists(folder + "/data.mdb.damaged"));
    server.start();
    host.start();
}

// ---- Without Redis ----

TEST(Suspensions, OfTwoTablesTheDamagedOneIsWrittenAnewFromTheOther)
{
    Directory const store;
    Host host{"lmdb:" + store.path()};
    host.suspend("shop");
    auto const shared = store.path() + "/suspensions/data.mdb", own = host.directory() + "/suspensions/data.mdb";
    for (auto const& file : {shared, own}) {
        host.stop();
        damage(file);
        host.start();
        EXPECT_TRUE(host.holds("shop")) << file;
        EXPECT_TRUE(std::filesystem::exists(file + ".damaged")) << file;
        EXPECT_EQ(host.notices().size(), 1u) << file;
    }
    EXPECT_EQ(host.suspend("test"), "everywhere");
}

TEST(Suspensions, BothDamagedWhileADaemonKnowsThemAreWrittenAnew)
{
    Directory const store;
    Host host{"lmdb:" + store.path()};
    host.suspend("shop");
    damage(store.path() + "/suspensions/data.mdb");
    damage(host.directory() + "/suspensions/data.mdb");
    host.turn();
    EXPECT_EQ(host.notices().size(), 2u);
    EXPECT_TRUE(host.health().host_up);
    EXPECT_TRUE(host.health().shared_up);
    host.stop();
    host.start();
    EXPECT_TRUE(host.holds("shop"));
}

TEST(Suspensions, BothDamagedStopTheStart)
{
    Directory const store;
    Host host{"lmdb:" + store.path()};
    host.suspend("shop");
    host.stop();
    damage(store.path() + "/suspensions/data.mdb");
    damage(host.directory() + "/suspensions/data.mdb");
    EXPECT_THROW(host.start(), std::runtime_error);
    std::filesystem::remove_all(host.directory() + "/suspensions");
    host.start();   // the cure: of an empty table nothing is known, and that is what the other is written from
    EXPECT_FALSE(host.holds("shop"));
}

TEST(Suspensions, ThatOneCopyDoesNotTakeAreToldWithItsWords)
{
    Directory const store;
    auto const folder = store.path() + "/suspensions";
    std::ofstream{folder} << "a file in the way";
    Host host{"lmdb:" + store.path()};
    auto const words = "suspensions in " + folder + ": cannot make " + folder + ": Not a directory";
    EXPECT_THAT(host.notices(), ElementsAre("failed: " + words));
    EXPECT_EQ(host.try_to_suspend("shop")->trouble, words);
    host.turn(kNow + 59s);
    EXPECT_THAT(host.notices(), IsEmpty());
    std::filesystem::remove(folder);
    host.turn(kNow + 60s);
    EXPECT_THAT(host.notices(), ElementsAre("mended: the shared copy of the suspensions can be read and written again"));
}

TEST(Suspensions, LieBesideTheCountersOfAnLmdbStoreToo)
{
    Directory const store;
    Host host{"lmdb:" + store.path()};
    EXPECT_EQ(host.suspend("shop"), "everywhere");
    host.stop();
    std::filesystem::remove_all(host.directory() + "/suspensions");
    host.start();   // from the store
    EXPECT_TRUE(host.holds("shop"));
    host.stop();
    std::filesystem::remove_all(store.path() + "/suspensions");
    host.start();   // from its own copy
    EXPECT_TRUE(host.holds("shop"));
    host.stop();
    EXPECT_TRUE(std::filesystem::exists(store.path() + "/suspensions"));
}

TEST(Suspensions, WaitForAnLmdbStoreThatCannotBeOpened)
{
    Directory const store;
    auto const path = store.path() + "/limits";
    std::ofstream{path} << "a file in the way";
    Host host{"lmdb:" + path};
    EXPECT_EQ(host.suspend("shop"), "here");
    EXPECT_TRUE(host.holds("shop"));
    std::filesystem::remove(path);
    host.turn();
    EXPECT_EQ(host.suspend("test"), "everywhere");
    host.stop();
    std::filesystem::remove_all(host.directory() + "/suspensions");
    host.start();
    EXPECT_EQ(shown(host.known()), "shop suspended, test suspended");
}

TEST(Suspensions, SayThatTheHostsOwnCopyCannotBeOpened)
{
    Directory const store;
    LimitsOptions options;
    options.store = "lmdb:" + store.path();
    options.state_directory = "/proc/no/such/place";
    auto const limits = Limits::open(options, [](Notice const&) {}).value();
    auto const keeper = SuspensionKeeper::open(options, *limits);
    ASSERT_FALSE(keeper);
    EXPECT_THAT(keeper.error().message, ::testing::HasSubstr("/proc/no/such/place/suspensions"));
}

}   // namespace
}   // namespace mailcore::store
