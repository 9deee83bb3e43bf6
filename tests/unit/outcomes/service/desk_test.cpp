// What the operator asks of mailcore-outcomes, answered from a real store.

#include "outcomes/desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/outcomes/store/store_fixture.hpp"

using nlohmann::json;

namespace mailcore::outcomes::test {
namespace {

class Desk : public StoreTest {
protected:
    json ask(json const& request)
    {
        auto const answer = answer_operator(store(), request.dump(), [this] { ++wakes_; });
        EXPECT_TRUE(answer) << answer.error().message;
        return answer ? json::parse(*answer) : json{};
    }
    std::string refusal(json const& request)
    {
        auto const answer = answer_operator(store(), request.dump(), nullptr);
        EXPECT_FALSE(answer) << *answer;
        return answer ? "" : answer.error().message;
    }
    int wakes_ = 0;
};

TEST_F(Desk, ShowsOutcomesAsTheWebhookTellsThem)
{
    auto one = message("4jWYs717qcz8lWc");
    store_message(one);
    auto const answer = ask({{"command", "outcomes"}, {"tenant", "kbz_test"}});
    EXPECT_EQ(answer["ok"], true);
    ASSERT_EQ(answer["outcomes"].size(), 1u);
    EXPECT_EQ(answer["outcomes"][0]["queueId"], "4jWYs717qcz8lWc");
    EXPECT_EQ(answer["outcomes"][0]["status"], "SENT");
    EXPECT_GT(answer["last_change"], 0);
    EXPECT_EQ(ask({{"command", "outcomes"}, {"tenant", "shop"}})["outcomes"], json::array());
    EXPECT_EQ(ask({{"command", "outcomes"}, {"after_change", answer["last_change"]}})["outcomes"], json::array());
}

struct RefusedCase {
    json request;
    std::string words;
};

TEST_F(Desk, SaysWhatItCannotRead)
{
    for (auto const& one : {
             RefusedCase{{{"command", "outcomes"}, {"status", "gone"}},
                         "status: \"gone\" is none of ACCEPTED, DEFERRED, SENT, BOUNCED, EXPIRED, REJECTED, DELETED"},
             RefusedCase{{{"command", "outcomes"}, {"since", "noon"}}, "since: \"noon\" is no time; write one as in 2026-11-22T05:00:00Z"},
             RefusedCase{{{"command", "fly"}}, "no such command: fly"}}) {
        EXPECT_EQ(refusal(one.request), one.words);
    }
}

TEST_F(Desk, TakesAStatusInEitherCase)
{
    auto one = message("4jWYs717qcz8lWc");
    store_message(one);
    EXPECT_EQ(ask({{"command", "outcomes"}, {"status", "sent"}})["outcomes"].size(), 1u);
}

TEST_F(Desk, NamesTheTenantsOfMessages)
{
    auto one = message("4jWYs717qcz8lWc");
    store_message(one);
    auto const answer = ask({{"command", "tenants-of"}, {"queue_ids", {"4jWYs717qcz8lWc", "4jWYs717qunknwn"}}});
    EXPECT_EQ(answer["tenants"], (json{{"4jWYs717qcz8lWc", "kbz_test"}}));
}

TEST_F(Desk, PutsBackWhatWasGivenUpAndWakesTheWebhook)
{
    auto one = message("4jWYs717qcz8lWc");
    Batch batch;
    batch.messages = {&one};
    batch.events.emplace_back(event(one, Status::Sent), &one);
    apply(batch);
    EXPECT_EQ(ask({{"command", "queue-stats"}})["webhook"]["pending"], 1);
    EXPECT_EQ(ask({{"command", "queue-retry"}})["retried"], 0);
    EXPECT_EQ(wakes_, 0);

    auto const due = store().take_due(kMorning + std::chrono::hours{1}, 1);
    ASSERT_TRUE(due && due->size() == 1);
    ASSERT_TRUE(store().give_up(std::vector{due->front().id}, kMorning + std::chrono::hours{25}, "answered 500"));
    auto const failed = ask({{"command", "queue-failed"}})["failed"];
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0]["error"], "answered 500");
    EXPECT_EQ(failed[0]["event"]["queueId"], "4jWYs717qcz8lWc");
    EXPECT_EQ(failed[0]["failedAt"], "2026-11-23T06:00:00Z");

    EXPECT_EQ(ask({{"command", "queue-retry"}})["retried"], 1);
    EXPECT_EQ(wakes_, 1);
    EXPECT_EQ(ask({{"command", "queue-stats"}})["webhook"]["failed"], 0);
}

TEST_F(Desk, SaysHowManyThatWereGivenUpAreForgotten)
{
    auto one = message("4jWYs717qcz8lWc");
    Batch batch;
    batch.messages = {&one};
    batch.events.emplace_back(event(one, Status::Sent), &one);
    apply(batch);
    auto const due = store().take_due(kMorning, 1);
    ASSERT_TRUE(due && due->size() == 1);
    ASSERT_TRUE(store().give_up(std::vector{due->front().id}, kMorning, "answered 500"));
    EXPECT_EQ(ask({{"command", "queue-failed"}})["forgotten"], 0);
    while (store().forget_before(kMorning + std::chrono::hours{1}).value()) {}
    EXPECT_EQ(ask({{"command", "queue-failed"}})["forgotten"], 1);
    EXPECT_EQ(ask({{"command", "queue-failed"}})["failed"], json::array());
}

}   // namespace
}   // namespace mailcore::outcomes::test
