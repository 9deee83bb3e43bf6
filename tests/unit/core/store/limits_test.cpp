// The store that the configuration names and its fallback: who counts when, and what the operator is told.

#include "core/store/limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sys/stat.h>
#include <thread>

#include "core/store/bytes.hpp"
#include "core/store/lmdb_limits.hpp"
#include "core/store/lmdb_table.hpp"
#include "core/store/suspensions.hpp"
#include "tests/unit/core/net/test_server.hpp"
#include "tests/unit/core/store/redis_server.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using rules::Charge;
using rules::Rate;
using testing::RedisServer;

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};
constexpr Rate kTen{10, 24h * 365, 10};   // in a test's time nothing of it comes back

class LimitsTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-limits-test-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override
    {
        limits_.reset();
        std::filesystem::remove_all(directory_);
    }

    std::string path(std::string const& name) const { return directory_ + "/" + name; }
    std::string lmdb(std::string const& name) const { return "lmdb:" + path(name); }

    LimitsOptions with(std::string store) const
    {
        LimitsOptions options;
        options.store = std::move(store);
        options.fallback = lmdb("fallback");
        options.timeout = 5s;
        options.state_directory = directory_;
        return options;
    }
    void open(LimitsOptions const& options)
    {
        auto opened = open_another(options);
        ASSERT_TRUE(opened) << opened.error().message;
        limits_ = std::move(*opened);
    }
    base::Result<std::unique_ptr<Limits>> open_another(LimitsOptions const& options)
    {
        return Limits::open(options, [this](Notice const& notice) { note(notice); });
    }
    std::string refusal_of(LimitsOptions const& options)
    {
        auto const opened = open_another(options);
        return opened ? "opened" : opened.error().message;
    }

    // "redis passes", "lmdb refuses", or the error.
    std::string take(Limits& limits, base::Time now = kNow)
    {
        std::vector<Charge> const charges{{nullptr, "a messages", kTen, 1}};
        auto const answer = limits.take(charges, now);
        if (!answer) return answer.error().message;
        if (!answer->taken) return "refused";
        receipts_.push_back(answer->receipt);
        return answer->receipt.store + " passes";
    }
    std::string take(base::Time now = kNow) { return take(*limits_, now); }
    std::string give_back(rules::Receipt const& receipt)
    {
        auto const given = limits_->give_back(receipt, kNow);
        return given ? "given back" : given.error().message;
    }
    // As it is counted where counting happens now.
    std::uint64_t used()
    {
        auto const read = limits_->read(std::vector<std::string>{"a messages"}, kNow);
        if (!read) throw std::runtime_error{read.error().message};
        return rules::level(read->buckets[0].bucket, kTen, read->time).used;
    }

    // As many live senders of somebody else as the table takes.
    static void fill(std::string const& directory)
    {
        auto table = lmdb::Table::open({"filler", directory, LmdbLimits::kDefaultBytes}, lmdb::OnDamage::PutAside).value();
        rules::Bucket bucket;
        rules::take(bucket, kTen, 10, kNow);
        std::string value{'\1'};
        for (auto const number : {static_cast<std::uint64_t>(bucket.micros), bucket.parts, bucket.number, static_cast<std::uint64_t>(bucket.run),
                                  bucket.taken, bucket.returned}) {
            append_number(value, number);
        }
        auto const most = LmdbLimits::kDefaultBytes / 16 * 15;
        for (std::size_t in_use = 0, i = 1'000'000; in_use < most;) {
            auto transaction = table->begin(lmdb::Access::Write).value();
            for (int k = 0; k < 20'000; ++k) {
                if (!transaction.put("filler " + std::to_string(i++) + std::string(400, 'x'), value)) throw std::runtime_error{"cannot fill"};
            }
            in_use = transaction.bytes_in_use();
            if (!transaction.commit()) throw std::runtime_error{"cannot fill"};
        }
    }
    // Tables look once in each tick of the kernel's clock whether their files are gone.
    static void wait_for_gone() { std::this_thread::sleep_for(20ms); }

    // The notices since they were asked for last: "Away: Redis is away: …".
    std::vector<std::string> notices()
    {
        std::lock_guard const lock{mutex_};
        return std::exchange(notices_, {});
    }
    void note(Notice const& notice)
    {
        constexpr std::string_view words[] = {"Away", "Back", "Healed", "Failed", "SuspensionsFailed", "SuspensionsMended"};
        std::lock_guard const lock{mutex_};
        notices_.push_back(std::string{words[static_cast<std::size_t>(notice.kind)]} + ": " + notice.words);
    }

    std::string directory_;
    std::unique_ptr<Limits> limits_;
    std::vector<rules::Receipt> receipts_;

private:
    std::mutex mutex_;
    std::vector<std::string> notices_;
};

std::string refused_by(std::uint16_t port) { return "Redis is away: 127.0.0.1:" + std::to_string(port) + ": Connection refused"; }

// ---- One host ----

TEST_F(LimitsTest, AreCountedInLmdb)
{
    open(with(lmdb("limits")));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(take(), "refused");
    EXPECT_EQ(give_back(receipts_.back()), "given back");
    EXPECT_EQ(used(), 9u);
    EXPECT_EQ(take(), "lmdb passes");

    auto const health = limits_->health();
    EXPECT_EQ(health.store, lmdb("limits"));
    EXPECT_TRUE(health.up);
    EXPECT_FALSE(health.on_fallback);
    EXPECT_EQ(health.failures + health.fallback_calls, 0u);
    EXPECT_EQ(limits_->redis(), nullptr);
    EXPECT_FALSE(std::filesystem::exists(path("fallback")));
    limits_->keep(kNow);
    EXPECT_THAT(notices(), IsEmpty());

    limits_.reset();
    open(with(lmdb("limits")));   // a restart
    EXPECT_EQ(used(), 10u);
    EXPECT_EQ(limits_->list("a ", 10, kNow)->buckets.size(), 1u);
    EXPECT_EQ(limits_->reset("a ").value(), 1u);
    EXPECT_EQ(used(), 0u);
}

TEST_F(LimitsTest, AreNobodysWhereTheTableCannotBeOpenedUntilItCan)
{
    std::ofstream{path("limits")} << "a file in the way";
    open(with(lmdb("limits")));
    auto const failed = notices();
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_THAT(failed[0], StartsWith("Failed: " + lmdb("limits") + ": "));
    EXPECT_FALSE(limits_->health().up);
    EXPECT_THAT(take(), StartsWith(lmdb("limits") + ": "));
    EXPECT_EQ(limits_->health().failures, 1u);
    EXPECT_THAT(take(kNow + 59s), StartsWith(lmdb("limits") + ": "));
    limits_->keep(kNow + 59s);
    EXPECT_THAT(notices(), IsEmpty());   // not again within the minute
    EXPECT_THAT(take(kNow + 60s), StartsWith(lmdb("limits") + ": "));
    EXPECT_THAT(notices(), ElementsAre(failed[0]));

    std::filesystem::remove(path("limits"));
    limits_->keep(kNow + 61s);
    EXPECT_THAT(notices(), ElementsAre("Healed: " + lmdb("limits") + " can be opened again"));
    EXPECT_EQ(take(kNow + 61s), "lmdb passes");
    EXPECT_TRUE(limits_->health().up);
    EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(LimitsTest, AreTriedAgainNoMoreThanOnceASecond)
{
    std::ofstream{path("limits")} << "a file in the way";
    open(with(lmdb("limits")));
    limits_->keep(kNow);
    std::filesystem::remove(path("limits"));
    limits_->keep(kNow + 999ms);
    EXPECT_THAT(take(kNow + 999ms), StartsWith(lmdb("limits") + ": "));
    limits_->keep(kNow + 1s);
    EXPECT_EQ(take(kNow + 1s), "lmdb passes");
}

TEST_F(LimitsTest, BeginAnewWhereTheTableIsDamagedWhileTheyRun)
{
    open(with(lmdb("limits")));
    EXPECT_EQ(take(), "lmdb passes");
    std::filesystem::resize_file(path("limits/data.mdb"), 100);
    EXPECT_THAT(take(), StartsWith(lmdb("limits") + ": "));
    limits_->keep(kNow + 1s);
    auto const told = notices();
    ASSERT_EQ(told.size(), 2u) << told.back();
    EXPECT_THAT(told[0], StartsWith("Failed: " + lmdb("limits") + ": "));
    EXPECT_THAT(told[1], StartsWith("Healed: "));
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(limits_->health().failures, 1u);
}

// ---- What cannot be opened ----

TEST_F(LimitsTest, SayWhatIsWrongWithAnAddress)
{
    struct Case {
        std::string store, fallback, words;
    };
    for (auto const& one : {
             Case{"", "", "store: neither lmdb:/DIRECTORY nor redis://… nor rediss://…"},
             Case{"/var/lib/mailcore", "", "store: neither lmdb:/DIRECTORY nor redis://… nor rediss://…"},
             Case{"lmdb:limits", "", "store: lmdb: must be followed by an absolute path, as in lmdb:/var/lib/mailcore/limits"},
             Case{"lmdb:", "", "store: lmdb: must be followed by an absolute path, as in lmdb:/var/lib/mailcore/limits"},
             Case{"rdis://:hunter2@h", "", "store: a Redis is named as redis://[[user]:password@]host[:port][/db], with TLS as rediss://…"},
             Case{"redis://:hunter2@h:x", "",
                  "store: the address of the Redis is not redis://[[user]:password@]host[:port][/db]: what stands behind the host's colon is no port (1 to 65535); a login stands before the host, as in user:password@host"},
             Case{"redis://mailcore@h", "", "store: a user without a password; set password_file"},
             Case{"redis://h", "redis://g", "fallback: lmdb: must be followed by an absolute path, as in lmdb:/var/lib/mailcore/limits"},
         }) {
        auto options = with(one.store);
        options.fallback = one.fallback;
        EXPECT_EQ(refusal_of(options), one.words) << one.store;
    }
}

TEST_F(LimitsTest, SayWhatIsWrongWithAPasswordFile)
{
    auto options = with("redis://127.0.0.1");
    auto const file = options.password_file = path("password");
    EXPECT_EQ(refusal_of(options), "password_file: cannot read " + file + ": No such file or directory");
    std::ofstream{file} << "\n";
    ::chmod(file.c_str(), 0640);
    EXPECT_EQ(refusal_of(options), "password_file: " + file + " is empty");
    std::ofstream{file} << std::string(5000, 'x');
    EXPECT_EQ(refusal_of(options), "password_file: " + file + " is too large for a password");
    std::ofstream{file} << "hunter2";
    ::chmod(file.c_str(), 0644);
    EXPECT_EQ(refusal_of(options), "password_file: " + file + " can be read by every user of this host; chmod 0640 it");
    options.password_file = directory_;
    ::chmod(directory_.c_str(), 0700);
    EXPECT_EQ(refusal_of(options), "password_file: cannot read " + directory_ + ": Is a directory");
}

// ---- A fleet ----

TEST_F(LimitsTest, AreCountedInRedisByAllHostsTogether)
{
    RedisServer const server;
    open(with(server.url()));
    auto options = with(server.url());
    options.fallback = lmdb("fallback-of-the-other");
    auto const other = open_another(options).value();
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(take(), "redis passes");
        EXPECT_EQ(take(*other), "redis passes");
    }
    EXPECT_EQ(take(), "refused");
    EXPECT_EQ(take(*other), "refused");
    EXPECT_EQ(give_back(receipts_.front()), "given back");
    EXPECT_EQ(used(), 9u);
    auto const health = limits_->health();
    EXPECT_EQ(health.store, server.url());
    EXPECT_TRUE(health.up);
    EXPECT_FALSE(health.on_fallback);
    EXPECT_NE(limits_->redis(), nullptr);
    EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(LimitsTest, TakeThePasswordFromItsFile)
{
    RedisServer const server{{.password = "hunter2"}};
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter3", "+@all", "~mailcore:*"});
    struct Case {
        std::string login, file;
    };
    for (auto const& one : {Case{"", "hunter2"}, Case{"", "hunter2\n"}, Case{":wrong", "hunter2\n"}, Case{"mailcore", "hunter3\n"}}) {
        auto options = with(server.url(one.login));
        options.password_file = path("password");
        std::ofstream{options.password_file} << one.file;
        ::chmod(options.password_file.c_str(), 0640);
        open(options);
        EXPECT_EQ(take(), "redis passes");
        EXPECT_EQ(limits_->health().store, server.url());
        limits_->reset("");
        limits_.reset();
    }
    EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(LimitsTest, AreCountedByTheFallbackWhereTheLoginIsRefused)
{
    RedisServer const server{{.password = "hunter2"}};
    open(with(server.url(":hunter3")));
    auto const told = notices();
    EXPECT_THAT(told, ElementsAre("Away: Redis is away: " + server.url() + ": it refused the user or the password (WRONGPASS invalid "
                                  "username-password pair or user is disabled.); " + lmdb("fallback") + " counts, for this host alone"));
    EXPECT_EQ(take(), "lmdb passes");
    server.say({"CONFIG", "SET", "requirepass", "hunter3"});
}

TEST_F(LimitsTest, AreCountedByTheFallbackWhereTheServerIsNotTrusted)
{
    auto const authority = testing::make_authority();
    auto const identity = testing::make_identity("DNS:redis.example", &authority);
    RedisServer const server{{.password = "", .identity = &identity}};
    auto options = with(server.url());
    options.ca_file = path("ca.pem");
    std::ofstream{options.ca_file} << authority.certificate;
    open(options);
    EXPECT_THAT(notices(), ElementsAre(HasSubstr("no alternative certificate subject name matches target host name '127.0.0.1'")));
    EXPECT_EQ(take(), "lmdb passes");
}

// ---- Redis goes and comes ----

TEST_F(LimitsTest, AreCountedByTheFallbackWhileRedisIsAwayFromTheStart)
{
    RedisServer server;
    server.stop();
    open(with(server.url()));   // no failure
    auto const away = "Away: " + refused_by(server.port()) + "; " + lmdb("fallback") + " counts, for this host alone";
    EXPECT_THAT(notices(), ElementsAre(away));
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(used(), 2u);
    EXPECT_EQ(limits_->list("a ", 10, kNow)->buckets.size(), 1u);
    EXPECT_EQ(give_back(receipts_.back()), "given back");
    EXPECT_EQ(used(), 1u);
    auto const health = limits_->health();
    EXPECT_FALSE(health.up);
    EXPECT_TRUE(health.on_fallback);
    EXPECT_EQ(health.failures, 0u);
    EXPECT_EQ(health.fallback_calls, 4u);   // two taken, two read; a list is an operator's, and not told of
    limits_->keep(kNow + 59s);
    EXPECT_THAT(notices(), IsEmpty());
    limits_->keep(kNow + 61s);
    EXPECT_THAT(notices(), ElementsAre(away));

    server.start();
    EXPECT_EQ(take(kNow + 61s - 1us), "lmdb passes");   // nobody has looked yet
    limits_->keep(kNow + 62s);
    limits_->keep(kNow + 63s);
    EXPECT_THAT(notices(), ElementsAre("Back: " + server.url() + " counts again"));
    EXPECT_EQ(take(), "redis passes");
    EXPECT_EQ(used(), 1u);
    EXPECT_TRUE(limits_->health().up);
    EXPECT_FALSE(limits_->health().on_fallback);
}

// What the fallback counted goes back to the fallback, whoever counts now.
TEST_F(LimitsTest, GiveBackToTheStoreThatCounted)
{
    RedisServer server;
    open(with(server.url()));
    EXPECT_EQ(take(), "redis passes");
    server.stop();
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_THAT(give_back(receipts_[0]), StartsWith("Redis is away: "));
    EXPECT_EQ(give_back(receipts_[1]), "given back");
    EXPECT_EQ(used(), 0u);   // by the fallback
    EXPECT_EQ(give_back({}), "given back");
    rules::Receipt of_another = receipts_[1];
    of_another.store = "a store of another version";
    EXPECT_EQ(give_back(of_another), "given back");
}

TEST_F(LimitsTest, AreForgottenInBothStores)
{
    RedisServer server;
    open(with(server.url()));
    EXPECT_EQ(take(), "redis passes");
    server.kill();
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(limits_->reset("a ").error().message,
              refused_by(server.port()) + "; only what " + lmdb("fallback") + " counts was reset, if anything");
    EXPECT_EQ(used(), 0u);
    EXPECT_EQ(take(), "lmdb passes");
    server.start();
    limits_->keep(kNow);
    EXPECT_EQ(take(), "redis passes");
    EXPECT_EQ(limits_->reset("a ").value(), 2u);
    EXPECT_EQ(used(), 0u);
    server.kill();
    EXPECT_EQ(used(), 0u);
}

TEST_F(LimitsTest, AreCountedByTheFallbackWhileRedisDoesNotAnswer)
{
    RedisServer server;
    auto options = with(server.url());
    options.timeout = 500ms;
    open(options);
    EXPECT_EQ(take(), "redis passes");
    server.pause();
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_EQ(take(), "lmdb passes");
    auto const host = "127.0.0.1:" + std::to_string(server.port());
    EXPECT_THAT(notices(), ElementsAre("Away: Redis is away: " + host + ": no answer in time; " + lmdb("fallback") +
                                       " counts, for this host alone"));
    limits_->keep(kNow + 1s);   // still away
    EXPECT_TRUE(limits_->health().on_fallback);
    server.resume();
    auto const deadline = base::Stopwatch::now() + 20s;
    while (limits_->health().on_fallback && base::Stopwatch::now() < deadline) limits_->keep(kNow + 2s);   // a busy machine
    EXPECT_EQ(take(), "redis passes");
    EXPECT_THAT(notices(), ElementsAre("Back: " + server.url() + " counts again"));
}

// An error reply is no reason to go away, but one to count elsewhere.
TEST_F(LimitsTest, AreCountedByTheFallbackWhereRedisRefusesTheScript)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter2", "+@all", "~mailcore:probe"});
    open(with(server.url("mailcore:hunter2")));
    EXPECT_THAT(notices(), IsEmpty());
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_THAT(notices(), ElementsAre(StartsWith("Away: " + server.url() + ": its ACL allows this user too little: ")));
    EXPECT_TRUE(limits_->health().on_fallback);
    server.say({"ACL", "SETUSER", "mailcore", "~mailcore:*"});
    EXPECT_EQ(take(), "redis passes");
    EXPECT_THAT(notices(), ElementsAre("Back: " + server.url() + " counts again"));
    EXPECT_FALSE(limits_->health().on_fallback);
}

// The rights that the refusal names are all that is needed, for counters and suspensions.
TEST_F(LimitsTest, NeedNoMoreRightsThanTheyAskFor)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter2", "~mailcore:*", "+@read", "+@write", "+@scripting", "+@connection", "+time"});
    open(with(server.url("mailcore:hunter2")));
    EXPECT_EQ(take(), "redis passes");
    EXPECT_EQ(give_back(receipts_.back()), "given back");
    EXPECT_EQ(take(), "redis passes");
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(limits_->list("a ", 10, kNow)->buckets.size(), 1u);
    EXPECT_EQ(limits_->reset("a ").value(), 1u);
    auto const suspensions = redis_suspensions(*limits_->redis());
    rules::Suspensions entries;
    entries.merge("shop", {true, kNow, ""});
    EXPECT_TRUE(suspensions->merge(entries));
    EXPECT_EQ(suspensions->load().value(), entries);
    EXPECT_FALSE(suspensions->may_have_changed());
    EXPECT_TRUE(limits_->redis()->probe());
    EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(LimitsTest, AreNobodysWhereTheFallbackFailsToo)
{
    RedisServer server;
    std::ofstream{path("fallback")} << "a file in the way";
    open(with(server.url()));
    auto const told = notices();
    ASSERT_EQ(told.size(), 1u);   // before it is needed
    EXPECT_THAT(told[0], StartsWith("Failed: " + lmdb("fallback") + ": "));
    EXPECT_EQ(take(), "redis passes");
    EXPECT_THAT(notices(), IsEmpty());
    EXPECT_TRUE(limits_->health().up);

    server.stop();
    auto const words = take();
    EXPECT_THAT(words, StartsWith(refused_by(server.port()) + "; and " + lmdb("fallback") + ": "));
    EXPECT_THAT(notices(), ElementsAre("Failed: " + words));
    EXPECT_EQ(limits_->health().failures, 1u);
    EXPECT_EQ(limits_->health().fallback_calls, 0u);
    EXPECT_EQ(take(), words);
    EXPECT_THAT(notices(), IsEmpty());

    std::filesystem::remove(path("fallback"));
    limits_->keep(kNow + 1s);
    EXPECT_THAT(notices(), ElementsAre("Healed: " + lmdb("fallback") + " can be opened again"));
    EXPECT_EQ(take(), "lmdb passes");
    EXPECT_THAT(notices(), ElementsAre(StartsWith("Away: ")));
    server.start();
    limits_->keep(kNow + 2s);
    EXPECT_THAT(notices(), ElementsAre("Back: " + server.url() + " counts again"));
    EXPECT_EQ(take(), "redis passes");
}

TEST_F(LimitsTest, AreNotSaidToBeCountedByAFallbackThatFails)
{
    RedisServer server;
    open(with(server.url()));
    EXPECT_EQ(take(), "redis passes");
    std::filesystem::remove_all(path("fallback"));
    std::ofstream{path("fallback")} << "a file in the way";
    wait_for_gone();
    limits_->keep(kNow);
    auto health = limits_->health();
    EXPECT_TRUE(health.up);
    EXPECT_FALSE(health.on_fallback);
    EXPECT_EQ(health.fallback, lmdb("fallback"));
    EXPECT_FALSE(health.fallback_up);
    auto const words = lmdb("fallback") + ": cannot make " + path("fallback") + ": Not a directory";
    EXPECT_EQ(health.trouble, words);
    EXPECT_THAT(notices(), ElementsAre("Failed: the fallback cannot be used: " + words));

    server.kill();
    EXPECT_THAT(take(), StartsWith(refused_by(server.port()) + "; and " + lmdb("fallback") + ": "));
    health = limits_->health();
    EXPECT_FALSE(health.up);
    EXPECT_FALSE(health.on_fallback);   // nobody counts
    EXPECT_FALSE(health.fallback_up);

    std::filesystem::remove(path("fallback"));
    limits_->keep(kNow + 1s);
    health = limits_->health();
    EXPECT_TRUE(health.on_fallback);
    EXPECT_TRUE(health.fallback_up);
    EXPECT_EQ(health.trouble, "");
    EXPECT_EQ(take(), "lmdb passes");
}

TEST_F(LimitsTest, TakeARotatedPasswordFromItsFile)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter2", "+@all", "~mailcore:*"});
    auto options = with(server.url("mailcore"));
    options.password_file = path("password");
    std::ofstream{options.password_file} << "hunter2\n";
    ::chmod(options.password_file.c_str(), 0640);
    open(options);
    EXPECT_EQ(take(), "redis passes");
    server.say({"ACL", "SETUSER", "mailcore", "resetpass", ">hunter3"});
    server.say({"CLIENT", "KILL", "USER", "mailcore"});
    EXPECT_EQ(take(), "lmdb passes");
    std::ofstream{options.password_file} << "hunter3\n";
    limits_->keep(kNow + 1s);
    EXPECT_EQ(take(), "redis passes");
    EXPECT_TRUE(limits_->health().up);
}

// A table that holds all it can: what is new cannot be counted, and what it holds can.
TEST_F(LimitsTest, AreFullUntilThereIsRoomWhateverElseGoesWell)
{
    open(with(lmdb("limits")));
    EXPECT_EQ(take(), "lmdb passes");
    fill(path("limits"));
    std::vector<Charge> const both{{nullptr, "a messages", kTen, 1}, {nullptr, "a sender new@a.example", kTen, 1}};
    auto const answer = limits_->take(both, kNow);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->taken);
    EXPECT_EQ(answer->uncounted, 1u);
    ASSERT_EQ(answer->receipt.parts.size(), 1u);
    EXPECT_EQ(answer->receipt.parts[0].key, "a messages");
    EXPECT_EQ(used(), 2u);   // the tenant's own limit goes on
    auto const words = lmdb("limits") + ": the table is full; what it holds goes on being counted, what is new is not";
    for (int i = 0; i < 3; ++i) limits_->keep(kNow + i * 1s);
    EXPECT_THAT(notices(), ElementsAre("Failed: " + words));
    auto health = limits_->health();
    EXPECT_FALSE(health.up);
    EXPECT_TRUE(health.full);
    EXPECT_EQ(health.trouble, words);
    EXPECT_EQ(health.failures, 1u);
    limits_->keep(kNow + 60s);
    EXPECT_THAT(notices(), ElementsAre("Failed: " + words));   // once a minute

    EXPECT_GT(limits_->reset("filler ").value(), 100'000u);
    limits_->keep(kNow + 61s);
    EXPECT_THAT(notices(), ElementsAre("Healed: " + lmdb("limits") + " has room again"));
    EXPECT_EQ(limits_->take(both, kNow)->uncounted, 0u);
    health = limits_->health();
    EXPECT_TRUE(health.up);
    EXPECT_FALSE(health.full);
}

TEST_F(LimitsTest, MayHaveNoFallback)
{
    RedisServer server;
    auto options = with(server.url());
    options.fallback = "";
    open(options);
    EXPECT_EQ(take(), "redis passes");
    server.stop();
    EXPECT_EQ(take(), refused_by(server.port()));
    EXPECT_THAT(notices(), ElementsAre("Failed: " + refused_by(server.port())));
    EXPECT_FALSE(limits_->health().up);
    EXPECT_FALSE(limits_->health().on_fallback);
    EXPECT_EQ(limits_->reset("a ").error().message, refused_by(server.port()));
    server.start();
    limits_->keep(kNow);
    EXPECT_THAT(notices(), ElementsAre("Back: " + server.url() + " counts again"));
    EXPECT_EQ(take(), "redis passes");
}

// Eight threads, and a Redis that is killed and started again three times: each call is answered by somebody.
TEST_F(LimitsTest, AreCountedBySomebodyWhileRedisIsKilledAndStartedUnderLoad)
{
    RedisServer server;
    open(with(server.url()));
    std::atomic<bool> stop = false;
    std::atomic<int> by_redis = 0, by_fallback = 0, unanswered = 0;
    std::vector<std::thread> threads;
    threads.reserve(9);
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            std::vector<Charge> const charges{{nullptr, "load " + std::to_string(i), {1'000'000, 1s, 1'000'000}, 1}};
            while (!stop) {
                auto const answer = limits_->take(charges, base::now());
                if (!answer || !answer->taken) ++unanswered;
                else if (answer->receipt.store == "redis") ++by_redis;
                else if (answer->receipt.store == "lmdb") ++by_fallback;
            }
        });
    }
    threads.emplace_back([&] {
        while (!stop) {
            limits_->keep(base::now());
            std::this_thread::sleep_for(10ms);
        }
    });
    auto const wait_for_more = [](std::atomic<int> const& counter) {
        int const before = counter;
        auto const deadline = base::Stopwatch::now() + 30s;
        while (counter < before + 100 && base::Stopwatch::now() < deadline) std::this_thread::sleep_for(1ms);
        EXPECT_GE(counter, before + 100);
    };
    for (int round = 0; round < 3; ++round) {
        wait_for_more(by_redis);
        server.kill();
        wait_for_more(by_fallback);
        server.start();
    }
    wait_for_more(by_redis);
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(unanswered, 0);
    EXPECT_FALSE(limits_->health().on_fallback);
    EXPECT_EQ(limits_->health().failures, 0u);
    auto const told = notices();   // once away and back; the second and third time fall within the minute
    ASSERT_GE(told.size(), 2u);
    EXPECT_THAT(told[0], StartsWith("Away: Redis is away: "));
    EXPECT_EQ(told[1], "Back: " + server.url() + " counts again");
    EXPECT_EQ(told.size(), 2u) << told.back();
}

}   // namespace
}   // namespace mailcore::store
