// What the store keeps, and that it keeps all of a batch or nothing.

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "outcomes/store/database.hpp"
#include "outcomes/store/sqlite_store.hpp"
#include "store_fixture.hpp"

namespace mailcore::outcomes::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// All of a message, to compare it with.
std::string whole(MessageState const& message)
{
    std::string text;
    auto const add = [&](auto const&... parts) { ((text += ::testing::PrintToString(parts) + " "), ...); };
    auto const micros = [](base::Time time) { return time.time_since_epoch().count(); };
    add(message.instance, message.queue_id, message.tenant, message.ticket, message.message_id, message.sender, message.client);
    add(micros(message.began), micros(message.changed), micros(message.decided_at), message.size, message.recipients_expected);
    add(message.decided, message.opened, message.seen, message.ended, message.lost, message.refusal);
    add(message.notification_of, message.hop_of, message.hop_instance);
    for (auto const& one : message.recipients) {
        text += "\n";
        add(one.recipient, one.orig_to, one.relay, one.provider, one.dsn, one.reason, one.notification_id, word(one.status), one.attempts);
        add(micros(one.changed), one.via, one.told_dsn, micros(one.told_at), one.told, one.counted, one.deferrals_counted);
    }
    return text;
}

// No two values alike.
MessageState with_everything()
{
    auto state = message("4jWYs717qcz8lWc");
    state.instance = "postfix-out";
    state.lost = true;
    state.opened = state.ended = false;
    state.notification_of = "4jWYsNotificz9Qn";
    state.hop_of = "4jWYsOriginz9Qn2";
    state.hop_instance = "postfix-in";
    auto& one = state.recipients.front();
    one.orig_to = "team@example.com";
    one.status = Status::Deferred;
    one.attempts = 7;
    one.notification_id = "4jWYsBouncez9Qn3";
    one.via = "4jWYsCarriez9Qn4";
    one.told_dsn = "4.4.1";
    one.told_at = kMorning + minutes{9};
    one.counted = true;
    one.deferrals_counted = 6;
    one.changed = kMorning + minutes{10};
    auto second = recipient("berta@example.com", Status::Bounced);
    second.told = true;
    state.recipients.push_back(second);
    return state;
}

TEST_F(StoreTest, GivesAMessageBackAsItWas)
{
    auto state = with_everything();
    store_message(state);
    EXPECT_GT(state.row, 0);
    for (auto const& one : state.recipients) {
        EXPECT_GT(one.row, 0);
        EXPECT_FALSE(one.dirty);
    }
    close();   // and from the file
    auto const found = store().find("4jWYs717qcz8lWc", 10).value();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(whole(found.front()), whole(state));
    EXPECT_EQ(found.front().row, state.row);
}

TEST_F(StoreTest, WritesAChangedMessageOverTheFormer)
{
    auto state = with_everything();
    store_message(state);
    auto const former = state.recipients.front().row;
    state.tenant = "other";
    state.ticket = "ticket_2";
    state.ended = true;
    state.recipients.front().status = Status::Sent;
    state.recipients.front().dirty = true;
    store_message(state);
    EXPECT_GT(state.recipients.front().row, former) << "a change has a later number";
    auto const found = store().find("4jWYs717qcz8lWc", 10).value();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found.front().recipients, SizeIs(2));
    EXPECT_THAT(brief(store().query({.ticket = "ticket_2"}).value().outcomes), ElementsAre("SENT anna@example.com", "BOUNCED berta@example.com"));
    EXPECT_THAT(store().query({.ticket = "ticket_1"}).value().outcomes, IsEmpty());
}

TEST_F(StoreTest, ForgetsRecipientsThatAreNoneAnyMore)
{
    auto state = with_everything();
    store_message(state);
    state.forgotten = {state.recipients.back().row};
    state.recipients.pop_back();
    store_message(state);
    EXPECT_THAT(state.forgotten, IsEmpty());
    EXPECT_THAT(store().find("4jWYs717qcz8lWc", 10).value().at(0).recipients, SizeIs(1));
}

TEST_F(StoreTest, FindsTheNewestOfAQueueIdFirst)
{
    for (auto const* ticket : {"first", "second", "third"}) {
        auto state = message("A1B2C3D4E5");
        state.ticket = ticket;
        store_message(state);
    }
    auto const found = store().find("A1B2C3D4E5", 2).value();
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].ticket, "third");
    EXPECT_EQ(found[1].ticket, "second");
}

TEST_F(StoreTest, AddsToCountersAndReplacesPositions)
{
    Batch batch;
    batch.counters = {{"sent|SES|kbz_test", 2}};
    batch.positions = {{"mail_log", "100"}, {"decision_log", "7"}};
    apply(batch);
    batch.counters["lost"] = 1;
    batch.positions = {{"mail_log", "200"}};
    apply(batch);
    close();
    EXPECT_THAT(store().counters().value(), ElementsAre(std::pair{"lost", 1u}, std::pair{"sent|SES|kbz_test", 4u}));
    EXPECT_THAT(store().positions().value(), ElementsAre(std::pair{"decision_log", "7"}, std::pair{"mail_log", "200"}));
}

TEST_F(StoreTest, KeepsAllOfABatchOrNothing)
{
    auto known = message("4jWYs1Knownz9Qn1");
    store_message(known);
    auto const row = known.recipients.front().row;

    auto fresh = message("4jWYs717qcz8lWc");
    fresh.tenant = "never_heard_of";
    known.recipients.front().dirty = true;
    Batch batch;
    batch.messages = {&fresh, &known};
    batch.counters = {{"lost", 1}};
    batch.positions = {{"mail_log", "100"}};
    auto stranger = message("4jWYsStrangz9Qn9");
    batch.events.push_back(event(stranger, Status::Sent));
    auto const applied = store().apply(batch);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().message, "event 4jWYsStrangz9Qn9-SENT belongs to no message");
    EXPECT_EQ(fresh.row, 0);
    EXPECT_EQ(fresh.recipients.front().row, 0);
    EXPECT_EQ(known.recipients.front().row, row);
    EXPECT_TRUE(known.recipients.front().dirty);
    EXPECT_THAT(store().find("4jWYs717qcz8lWc", 10).value(), IsEmpty());
    EXPECT_THAT(store().counters().value(), IsEmpty());
    EXPECT_THAT(store().positions().value(), IsEmpty());

    batch.events.clear();   // and the same batch can be stored when the cause is gone
    apply(batch);
    EXPECT_EQ(store().query({.tenant = "never_heard_of"}).value().outcomes.size(), 1u);
}

TEST_F(StoreTest, StoresNothingOfAJoinerThatCouldNotLookIntoIt)
{
    auto state = message("4jWYs717qcz8lWc");
    Batch batch;
    batch.messages = {&state};
    batch.trouble = base::Error{"disk I/O error"};
    auto const applied = store().apply(batch);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().message, "disk I/O error");
    EXPECT_THAT(store().find("4jWYs717qcz8lWc", 10).value(), IsEmpty());
}

TEST_F(StoreTest, TellsWhatTheGateLetPassAndPostfixNeverShowed)
{
    auto const decided = [&](std::string const& id, base::Time at, auto change) {
        auto state = message(id);
        state.seen = state.ended = false;
        state.decided_at = at;
        change(state);
        store_message(state);
    };
    decided("4jWYs1Unseez9Qn1", kMorning + minutes{2}, [](auto&) {});
    decided("4jWYs2Unseez9Qn2", kMorning + minutes{1}, [](auto&) {});
    decided("4jWYs3Laterz9Qn3", kMorning + minutes{9}, [](auto&) {});
    decided("4jWYs4Seenzz9Qn4", kMorning, [](auto& state) { state.seen = true; });
    decided("4jWYs5Refusz9Qn5", kMorning, [](auto& state) { state.ended = true; });
    decided("4jWYs6Toldzz9Qn6", kMorning, [](auto& state) { state.lost = true; });
    auto const found = store().decided_but_unseen(kMorning + minutes{5}, 10).value();
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].queue_id, "4jWYs2Unseez9Qn2");
    EXPECT_EQ(found[1].queue_id, "4jWYs1Unseez9Qn1");
    EXPECT_THAT(found[0].recipients, SizeIs(1));
    EXPECT_THAT(store().decided_but_unseen(kMorning + minutes{5}, 1).value(), SizeIs(1));
}

TEST_F(StoreTest, KnowsARefusalAgain)
{
    auto refusal = message("");
    refusal.refusal = true;
    refusal.recipients.front().status = Status::Rejected;
    EXPECT_FALSE(store().has_refusal(refusal).value());
    store_message(refusal);
    EXPECT_TRUE(store().has_refusal(refusal).value());
    EXPECT_THAT(store().find("", 10).value(), IsEmpty()) << "no line belongs to it";
    auto other = refusal;
    other.recipients.front().recipient = "berta@example.com";
    EXPECT_FALSE(store().has_refusal(other).value());
    other = refusal;
    other.began += std::chrono::milliseconds{1};
    EXPECT_FALSE(store().has_refusal(other).value());
}

TEST_F(StoreTest, CountsWhatLiesInPostfixsQueue)
{
    auto const put = [&](std::string const& id, std::string const& tenant, Status status, auto change) {
        auto state = message(id);
        state.tenant = tenant;
        state.ended = is_final(status);
        state.recipients.front().status = status;
        change(state);
        store_message(state);
    };
    auto const as_it_is = [](MessageState&) {};
    put("4jWYs01zzzzz9Qn1", "one", Status::Deferred, as_it_is);
    put("4jWYs02zzzzz9Qn2", "one", Status::Deferred, as_it_is);
    put("4jWYs03zzzzz9Qn3", "two", Status::Accepted, [](MessageState& state) { state.recipients.front().provider = ""; });
    put("4jWYs04zzzzz9Qn4", "two", Status::Sent, as_it_is);
    put("4jWYs05zzzzz9Qn5", "two", Status::Deferred, [](MessageState& state) { state.ended = true; });   // gone, we do not know how
    put("4jWYs06zzzzz9Qn6", "two", Status::Accepted, [](MessageState& state) { state.lost = true; });
    put("4jWYs07zzzzz9Qn7", "three", Status::Deferred, [](MessageState& state) { state.ended = true, state.recipients.front().via = "4jWYs08zzzzz9Qn8"; });
    auto const told = [&](std::size_t most) {
        auto const counts = store().open_recipients(most).value();
        std::vector<std::string> lines;
        for (auto const& one : counts) lines.push_back(one.provider + "/" + one.tenant + " " + std::to_string(one.count));
        return lines;
    };
    EXPECT_THAT(told(10), ElementsAre("SMTP/one 2", "/two 1", "SMTP/three 1"));
    EXPECT_THAT(told(1), ElementsAre("SMTP/one 2", "other/other 2"));
}

// --- The file

mode_t mode_of(std::string const& path)
{
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

TEST_F(StoreTest, MakesItsDirectoryAndAFileThatOthersCannotRead)
{
    auto const former = ::umask(0);
    auto const deep = folder_ + "/var/lib/outcomes.db";
    auto opened = open_sqlite_store(deep);
    ::umask(former);
    ASSERT_TRUE(opened) << opened.error().message;
    Batch batch;
    batch.counters["lost"] = 1;
    ASSERT_TRUE((*opened)->apply(batch));
    EXPECT_EQ(mode_of(deep), 0640u);
    EXPECT_EQ(mode_of(deep + "-wal"), 0640u);
    EXPECT_EQ(mode_of(deep + "-shm"), 0640u);
    EXPECT_EQ(mode_of(folder_ + "/var/lib"), 0750u);
}

TEST_F(StoreTest, LeavesTheModeOfAFileThatIsThere)
{
    store();
    close();
    ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
    store();
    EXPECT_EQ(mode_of(path()), 0600u);
}

TEST_F(StoreTest, SaysWhyItCannotMakeTheFile)
{
    auto const opened = open_sqlite_store("/proc/no/such/place/outcomes.db");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message, "outcomes.store: cannot make /proc/no/such/place: No such file or directory");
    auto const directory = open_sqlite_store(folder_);
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error().message, "outcomes.store: " + folder_ + ": unable to open database file (Is a directory); the file and its directory must be "
                                         "writable for the user mailcore");
}

TEST_F(StoreTest, SaysWhatToDoWithADamagedFile)
{
    std::ofstream{path()} << std::string(8'192, 'x');
    EXPECT_EQ(error_of_open(), "outcomes.store: " + path() + ": file is not a database; the file is damaged: stop mailcore-outcomes, put a copy back, "
                               "or move the file and its -wal and -shm away; logs that are still there are read anew");
}

TEST_F(StoreTest, SaysSoWhenAPageIsDamaged)
{
    for (int i = 0; i < 200; ++i) {
        auto state = message("4jWYs" + std::to_string(1'000 + i) + "zz9Qn");
        state.recipients.front().reason = std::string(500, 'r');
        store_message(state);
    }
    close();
    auto const size = std::filesystem::file_size(path());
    {
        std::fstream file{path(), std::ios::in | std::ios::out | std::ios::binary};
        for (auto at = 4'096u * 10; at + 4'096 < size; at += 4'096) file.seekp(at) << std::string(100, '\x55');
    }
    auto const opened = open_sqlite_store(path());   // it shows here or when the page is read
    auto const error = opened ? (*opened)->query({.most = 1'000}).error() : opened.error();
    EXPECT_THAT(error.message, HasSubstr(path() + ": database disk image is malformed; the file is damaged: stop mailcore-outcomes"));
}

TEST_F(StoreTest, SaysThatAnotherProcessKeepsTheFileLocked)
{
    store();
    Database other{path(), Database::Access::Write};
    Transaction const held{other};
    Database ours{path(), Database::Access::Write};
    ours.execute("PRAGMA busy_timeout = 1");
    try {
        Transaction const second{ours};
        FAIL() << "two writers";
    } catch (DatabaseError const& error) {
        EXPECT_EQ(error.what(), path() + ": database is locked; another process keeps it locked: see with `fuser " + path() + "` which, and end it");
    }
}

// --- Readers and the writer

TEST_F(StoreTest, IsReadWhileSomebodyWritesAndWrittenWhileSomebodyReads)
{
    auto state = message("4jWYs717qcz8lWc");
    store_message(state);
    Database other{path(), Database::Access::Write};
    {
        Transaction const writing{other};
        EXPECT_THAT(store().query({}).value().outcomes, SizeIs(1));
    }
    ReadTransaction const reading{other};
    EXPECT_EQ(other.number("SELECT count(*) FROM messages"), 1);
    auto second = message("4jWYs2Secondz9Qn");
    store_message(second);
    EXPECT_EQ(other.number("SELECT count(*) FROM messages"), 1) << "it sees what was there when it began";
    EXPECT_THAT(store().query({}).value().outcomes, SizeIs(2));
}

TEST_F(StoreTest, ServesSeveralThreads)
{
    constexpr int kBatches = 40;
    store();
    std::atomic<bool> done{false};
    std::thread webhook{[&] {
        for (bool last = false; !last;) {
            last = done;   // then one round more finds what is left
            for (auto due = store().take_due(kMorning, 5).value(); !due.empty(); due = store().take_due(kMorning, 5).value()) {
                std::vector<std::int64_t> ids;
                for (auto const& one : due) ids.push_back(one.id);
                EXPECT_TRUE(store().sent(ids, kMorning));
            }
        }
    }};
    std::thread operators{[&] {
        while (!done) {
            EXPECT_TRUE(store().query({.tenant = "kbz_test", .status = Status::Sent}));
            EXPECT_TRUE(store().queue_stats());
            EXPECT_TRUE(store().counters());
        }
    }};
    for (int i = 0; i < kBatches; ++i) {
        auto state = message("4jWYs" + std::to_string(1'000 + i) + "zz9Qn");
        Batch batch;
        batch.messages = {&state};
        batch.events.emplace_back(event(state, Status::Sent), &state);
        apply(batch);
        EXPECT_TRUE(store().forget_before(kMorning - hours{1}));
    }
    done = true;
    webhook.join();
    operators.join();
    auto const stats = store().queue_stats().value();
    EXPECT_EQ(stats.sent, static_cast<std::uint64_t>(kBatches));
    EXPECT_EQ(stats.pending + stats.sending, 0u);
}

// --- Retention

int forget_all(OutcomeStore& store, base::Time before)
{
    int pieces = 1;
    while (store.forget_before(before).value()) ++pieces;
    return pieces;
}

TEST_F(StoreTest, ForgetsWhatHasEndedLongAgo)
{
    auto const put = [&](std::string const& id, auto change) {
        auto state = message(id);
        change(state);
        Batch batch;
        batch.messages = {&state};
        if (id.starts_with("4jWYs4")) batch.events.emplace_back(event(state, Status::Sent), &state);
        apply(batch);
    };
    put("4jWYs1Endedz9Qn1", [](auto&) {});
    put("4jWYs2Openzz9Qn2", [](auto& state) { state.ended = false, state.recipients.front().status = Status::Deferred; });
    put("4jWYs3Youngz9Qn3", [](auto& state) { state.changed = kMorning + hours{24 * 91}; });
    put("4jWYs4Waitsz9Qn4", [](auto&) {});
    put("4jWYs5HungUz9Qn5", [](auto& state) { state.ended = state.decided = false, state.recipients_expected = 0, state.recipients.clear(); });
    put("4jWYs6Lostzz9Qn6", [](auto& state) { state.ended = state.seen = false, state.lost = true; });

    auto const left = [&] {
        std::vector<std::string> ids;
        for (auto const* id : {"4jWYs1Endedz9Qn1", "4jWYs2Openzz9Qn2", "4jWYs3Youngz9Qn3", "4jWYs4Waitsz9Qn4", "4jWYs5HungUz9Qn5", "4jWYs6Lostzz9Qn6"}) {
            if (!store().find(id, 1).value().empty()) ids.push_back(std::string{id}.substr(4, 6));
        }
        return ids;
    };
    forget_all(store(), kMorning + hours{24 * 90});
    EXPECT_THAT(left(), ElementsAre("s2Open", "s3Youn", "s4Wait"));
    EXPECT_EQ(store().query({}).value().outcomes.size(), 3u);

    auto const due = store().take_due(kMorning, 10).value();
    ASSERT_TRUE(store().sent(std::vector{due.at(0).id}, kMorning));
    forget_all(store(), kMorning + hours{24 * 90});
    EXPECT_THAT(left(), ElementsAre("s2Open", "s3Youn"));
    EXPECT_EQ(store().queue_stats().value().sent, 1u) << "the count goes on";

    forget_all(store(), kMorning + hours{24 * 366});
    EXPECT_THAT(left(), IsEmpty()) << "of which nothing was heard for a year";
}

TEST_F(StoreTest, CountsWhatWasGivenUpWhenItForgetsIt)
{
    std::vector<MessageState> messages{message("4jWYs1Failsz9Qn1"), message("4jWYs2Failsz9Qn2"), message("4jWYs3Sentzz9Qn3")};
    Batch batch;
    for (auto& one : messages) {
        batch.messages.push_back(&one);
        batch.events.emplace_back(event(one, Status::Sent), &one);
    }
    apply(batch);
    auto const due = store().take_due(kMorning, 10).value();
    ASSERT_THAT(due, SizeIs(3));
    ASSERT_TRUE(store().give_up(std::vector{due[0].id, due[1].id}, kMorning, "answered 500"));
    ASSERT_TRUE(store().sent(std::vector{due[2].id}, kMorning));
    EXPECT_EQ(store().queue_stats().value().forgotten, 0u);

    forget_all(store(), kMorning + hours{1});
    auto const stats = store().queue_stats().value();
    EXPECT_EQ(stats.failed, 0u);
    EXPECT_EQ(stats.forgotten, 2u);
    EXPECT_THAT(store().query({}).value().outcomes, IsEmpty()) << "the retention holds for them, too";
    EXPECT_EQ(store().counters().value()["webhook|forgotten"], 2u);
}

TEST_F(StoreTest, ForgetsInPiecesAndGivesTheRoomBack)
{
    {
        Batch batch;
        std::vector<MessageState> messages;
        for (int i = 0; i < 3'000; ++i) {
            messages.push_back(message("4jWYs" + std::to_string(10'000 + i) + "z9Qn"));
            messages.back().recipients.front().reason = std::string(1'000, 'r');
        }
        for (auto& one : messages) batch.messages.push_back(&one);
        apply(batch);
    }
    close();
    auto const size = std::filesystem::file_size(path());
    EXPECT_GE(forget_all(store(), kMorning + hours{1}), 6);
    EXPECT_THAT(store().query({}).value().outcomes, IsEmpty());
    auto fresh = message("4jWYs717qcz8lWc");
    fresh.changed = kMorning + hours{2};
    store_message(fresh);
    EXPECT_GT(fresh.recipients.front().row, 3'000) << "numbers do not come again: who follows would miss them";
    close();
    EXPECT_LT(std::filesystem::file_size(path()), size / 2);
    Database database{path(), Database::Access::Read};
    EXPECT_EQ(database.number("SELECT count(*) FROM recipients"), 1);
    EXPECT_EQ(database.number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

TEST_F(StoreTest, StoresAnewWhatWasForgottenAndIsHeardOfAgain)
{
    auto state = message("4jWYs717qcz8lWc");
    store_message(state);
    forget_all(store(), kMorning + hours{1});
    ASSERT_THAT(store().find("4jWYs717qcz8lWc", 1).value(), IsEmpty());

    state.recipients.push_back(recipient("berta@example.com", Status::Bounced));
    Batch batch;
    batch.messages = {&state};
    batch.events.emplace_back(event(state, Status::Bounced), &state);
    apply(batch);
    EXPECT_THAT(store().query({.ticket = "ticket_1"}).value().outcomes, SizeIs(2));
    EXPECT_THAT(store().take_due(kMorning, 10).value(), SizeIs(1));
    close();
    Database database{path(), Database::Access::Read};
    EXPECT_EQ(database.number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

TEST_F(StoreTest, ForgetsTheTermsOfASliceWhenItsMessagesAreGone)
{
    auto old = message("4jWYs717qcz8lWc");
    store_message(old);
    close();
    {
        Database database{path(), Database::Access::Write};
        database.execute("UPDATE numbers SET value = 70000 WHERE name = 'message'");   // as if a slice had been filled
    }
    auto fresh = message("4jWYs80Gz8z9Qn1");
    fresh.changed = kMorning + hours{2};
    store_message(fresh);
    forget_all(store(), kMorning + hours{1});
    close();
    Database database{path(), Database::Access::Read};
    EXPECT_EQ(database.number("SELECT count(*) FROM terms WHERE slice = 0"), 0);
    EXPECT_EQ(database.number("SELECT count(*) FROM terms WHERE slice > 0"), 4) << "queue id, ticket, Message-ID, recipient";
}

}   // namespace
}   // namespace mailcore::outcomes::test
