// The webhook's queue in the store.

#include <gmock/gmock.h>

#include "store_fixture.hpp"

namespace mailcore::outcomes::test {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QueueTest : public StoreTest {
protected:
    // A message with so many events, told in this order.
    void tell(std::string const& queue_id, std::vector<std::string> const& codes)
    {
        auto& state = messages_.emplace_back(std::make_unique<MessageState>(message(queue_id)));
        Batch batch;
        batch.messages = {state.get()};
        for (auto const& code : codes) batch.events.emplace_back(event(*state, Status::Deferred, code), state.get());
        apply(batch);
    }
    std::vector<QueuedEvent> take(base::Time now = kMorning, std::size_t most = 100) { return store().take_due(now, most).value(); }
    static std::vector<std::string> codes(std::vector<QueuedEvent> const& events)
    {
        std::vector<std::string> codes;
        for (auto const& one : events) codes.push_back(one.outcome.queue_id + " " + one.outcome.dsn);
        return codes;
    }
    static std::vector<std::int64_t> ids(std::vector<QueuedEvent> const& events)
    {
        std::vector<std::int64_t> ids;
        for (auto const& one : events) ids.push_back(one.id);
        return ids;
    }
    std::vector<std::uint64_t> stats()
    {
        auto const stats = store().queue_stats().value();
        return {stats.pending, stats.sending, stats.sent, stats.failed};
    }
    std::vector<std::unique_ptr<MessageState>> messages_;
};

TEST_F(QueueTest, GivesAnEventBackAsItWas)
{
    auto state = message("4jWYs717qcz8lWc");
    auto told = event(state, Status::Bounced, "5.1.1");
    told.notification_id = "4jWYs80Gz8z9Qn1";
    told.original_recipient = "team@example.com";
    Batch batch;
    batch.messages = {&state};
    batch.events.push_back(told);   // without its message: the newest with that queue id is meant
    apply(batch);
    auto const due = take();
    ASSERT_THAT(due, SizeIs(1));
    EXPECT_EQ(due.front().outcome, told);
    EXPECT_EQ(due.front().attempts, 0u);
    EXPECT_EQ(due.front().first_tried, kMorning);
}

TEST_F(QueueTest, GivesOneEventOfEachMessageAtATime)
{
    tell("A", {"1", "2", "3"});
    tell("B", {"1"});
    auto const first = take();
    EXPECT_THAT(codes(first), ElementsAre("A 1", "B 1"));
    EXPECT_THAT(take(), IsEmpty()) << "what is on its way is not given again";
    EXPECT_THAT(stats(), ElementsAre(2u, 2u, 0u, 0u));
    ASSERT_TRUE(store().sent(ids(first), kMorning));
    EXPECT_THAT(codes(take()), ElementsAre("A 2"));
    EXPECT_THAT(stats(), ElementsAre(1u, 1u, 2u, 0u));
}

TEST_F(QueueTest, KeepsTheOrderOfAMessageOverBatchesAndRestarts)
{
    tell("A", {"1"});
    Batch batch;
    batch.events.emplace_back(event(*messages_[0], Status::Sent, "2"), messages_[0].get());
    apply(batch);
    close();
    auto const first = take();
    EXPECT_THAT(codes(first), ElementsAre("A 1"));
    ASSERT_TRUE(store().try_again(ids(first), kMorning + seconds{4}, "500"));
    EXPECT_THAT(take(kMorning + seconds{3}), IsEmpty()) << "the later one does not overtake the one that waits";
    EXPECT_THAT(codes(take(kMorning + seconds{4})), ElementsAre("A 1"));
}

TEST_F(QueueTest, GivesTheOldestFirstAndNoMoreThanAskedFor)
{
    for (auto const* id : {"A", "B", "C"}) tell(id, {"1"});
    EXPECT_THAT(codes(take(kMorning, 2)), ElementsAre("A 1", "B 1"));
    EXPECT_THAT(codes(take(kMorning, 2)), ElementsAre("C 1"));
}

TEST_F(QueueTest, TriesAgainWhenItIsTime)
{
    tell("A", {"1"});
    EXPECT_EQ(store().next_due().value(), base::Time{}) << "at once";
    auto due = take(kMorning);
    EXPECT_EQ(store().next_due().value(), std::nullopt) << "it is on its way";
    ASSERT_TRUE(store().try_again(ids(due), kMorning + seconds{1}, "connection refused"));
    EXPECT_EQ(store().next_due().value(), kMorning + seconds{1});
    due = take(kMorning + seconds{2});
    ASSERT_THAT(due, SizeIs(1));
    EXPECT_EQ(due.front().attempts, 1u);
    EXPECT_EQ(due.front().first_tried, kMorning) << "to give up by";
}

// A clock that was two hours ahead, and is right again.
TEST_F(QueueTest, BringsForwardWhatIsDueLaterThanAnythingMayBe)
{
    auto const ahead = kMorning + std::chrono::hours{2};
    tell("A", {"1", "2"});
    tell("B", {"1"});
    auto const due = take(ahead);
    ASSERT_THAT(due, SizeIs(2));
    EXPECT_EQ(due.front().first_tried, ahead);
    ASSERT_TRUE(store().try_again(std::vector{due[0].id}, ahead + seconds{1}, "503"));
    ASSERT_TRUE(store().try_again(std::vector{due[1].id}, kMorning + seconds{60}, "503"));
    ASSERT_TRUE(store().bring_forward(kMorning + seconds{60}, kMorning));
    auto const again = take(kMorning);
    EXPECT_THAT(codes(again), ElementsAre("A 1")) << "and no other: neither what waits no longer than that, nor what waits behind it";
    EXPECT_EQ(again.front().first_tried, kMorning) << "else it would not be given up in time";
    EXPECT_EQ(again.front().attempts, 1u);
    EXPECT_EQ(store().next_due().value(), kMorning + seconds{60});
}

TEST_F(QueueTest, GoesOnBehindAnEventThatIsGivenUp)
{
    tell("A", {"1", "2"});
    ASSERT_TRUE(store().give_up(ids(take()), kMorning + seconds{9}, "500 for a day"));
    EXPECT_THAT(stats(), ElementsAre(1u, 0u, 0u, 1u));
    EXPECT_THAT(codes(take()), ElementsAre("A 2"));
    auto const failed = store().failed_events(10).value();
    ASSERT_THAT(failed, SizeIs(1));
    EXPECT_EQ(failed[0].outcome.dsn, "1");
    EXPECT_EQ(failed[0].attempts, 1u);
    EXPECT_EQ(failed[0].error, "500 for a day");
    EXPECT_EQ(failed[0].failed_at, kMorning + seconds{9});
}

TEST_F(QueueTest, PutsFailedEventsBackTheOldestFirst)
{
    tell("A", {"1"});
    tell("B", {"1"});
    auto const due = take();
    ASSERT_TRUE(store().give_up(std::vector{due[1].id}, kMorning, "no"));
    ASSERT_TRUE(store().give_up(std::vector{due[0].id}, kMorning + seconds{1}, "no"));
    EXPECT_EQ(store().retry_failed(1).value(), 1u);
    auto const again = take();
    EXPECT_THAT(codes(again), ElementsAre("B 1"));
    EXPECT_EQ(again[0].attempts, 0u) << "with the whole patience";
    EXPECT_EQ(store().retry_failed(10).value(), 1u);
    EXPECT_EQ(store().retry_failed(10).value(), 0u);
}

TEST_F(QueueTest, PutsAFailedEventBeforeThoseOfItsMessageThatWait)
{
    tell("A", {"1", "2", "3"});
    ASSERT_TRUE(store().give_up(ids(take()), kMorning, "no"));
    auto const second = take();
    EXPECT_THAT(codes(second), ElementsAre("A 2"));
    EXPECT_EQ(store().retry_failed(10).value(), 1u);
    EXPECT_THAT(take(), IsEmpty()) << "one at a time, still";
    ASSERT_TRUE(store().sent(ids(second), kMorning));
    auto const third = take();
    EXPECT_THAT(codes(third), ElementsAre("A 1"));
    ASSERT_TRUE(store().sent(ids(third), kMorning));
    EXPECT_THAT(codes(take()), ElementsAre("A 3"));
}

TEST_F(QueueTest, SendsAgainWhatWasOnItsWayWhenTheDaemonDied)
{
    tell("A", {"1", "2"});
    take();
    close();
    EXPECT_THAT(take(), IsEmpty());
    ASSERT_TRUE(store().resume_sending());
    EXPECT_THAT(codes(take()), ElementsAre("A 1"));
}

TEST_F(QueueTest, TellsHowOldTheOldestIs)
{
    EXPECT_EQ(store().queue_stats().value().oldest_pending, base::Time{});
    tell("A", {"1"});
    messages_[0]->changed = kMorning + seconds{50};
    Batch batch;
    batch.events.emplace_back(event(*messages_[0], Status::Sent), messages_[0].get());
    apply(batch);
    EXPECT_EQ(store().queue_stats().value().oldest_pending, kMorning + seconds{2});
    auto const due = take();
    EXPECT_EQ(store().queue_stats().value().oldest_pending, kMorning + seconds{2}) << "not told before it is delivered";
    ASSERT_TRUE(store().sent(ids(due), kMorning));
    EXPECT_EQ(store().queue_stats().value().oldest_pending, kMorning + seconds{50});
}

TEST_F(QueueTest, FindsWhatIsDueAmongManyThatWaitAndManyThatAreSent)
{
    std::vector<std::string> codes_of_one(300, "1");
    tell("A", codes_of_one);
    tell("B", {"1"});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(store().sent(std::vector{take(kMorning, 1).at(0).id}, kMorning));
    EXPECT_THAT(stats(), ElementsAre(201u, 0u, 100u, 0u));
}

}   // namespace
}   // namespace mailcore::outcomes::test
