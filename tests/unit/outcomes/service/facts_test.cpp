// From the store's counters to what Prometheus and people see.

#include "outcomes/facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace mailcore;
using namespace mailcore::outcomes;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

namespace {

TEST(Facts, ComeFromTheNamesOfCounters)
{
    auto const facts = facts_of({{"sent|SES|kbz_test", 3}, {"failed|SES|kbz_test", 1}, {"deferred|SMTP|", 2}, {"lost", 4},
                                 {"postfix_rejects", 5}, {"gate_defers", 6}, {"lines|mail_log", 7}, {"unreadable|decision_log", 8}});
    auto const stats = json::parse(stats_json(facts));
    EXPECT_EQ(stats["sent"][0], (json{{"provider", "SES"}, {"tenant", "kbz_test"}, {"count", 3}}));
    EXPECT_EQ(stats["failed"][0], (json{{"provider", "SES"}, {"tenant", "kbz_test"}, {"count", 1}}));
    EXPECT_EQ(stats["deferred"][0], (json{{"provider", "SMTP"}, {"tenant", ""}, {"count", 2}}));
    EXPECT_EQ(stats["lost"], 4);
    EXPECT_EQ(stats["postfix_rejects"], 5);
    EXPECT_EQ(stats["gate_defers"], 6);
    EXPECT_EQ(stats["unreadable_decisions"], 8);
    EXPECT_THAT(status_page(facts), HasSubstr("Decisions that could not be read</th><td>8"));
}

// increase() knows only what was there before: the first bounce of a tenant that has sent before must count.
TEST(Facts, HaveBothNumbersForEachPairThatWasSeen)
{
    auto const facts = facts_of({{"sent|SES|kbz_test", 3}, {"deferred|SMTP|shop", 2}});
    auto const stats = json::parse(stats_json(facts));
    EXPECT_EQ(stats["failed"], json::array({{{"provider", "SES"}, {"tenant", "kbz_test"}, {"count", 0}},
                                            {{"provider", "SMTP"}, {"tenant", "shop"}, {"count", 0}}}));
    EXPECT_EQ(stats["sent"].size(), 2u);
}

TEST(Facts, OfDurationsAreAHistogram)
{
    auto const facts = facts_of({{"delay|SES|0", 5}, {"delay|SES|12", 1}, {"delay_sum_ms|SES", 2'500}, {"delay|SES|13", 9}, {"delay|SES|x", 9}});
    ASSERT_EQ(facts.durations.size(), 1u);
    EXPECT_EQ(facts.durations[0].buckets.front(), 5u);
    EXPECT_EQ(facts.durations[0].buckets.back(), 1u);
    EXPECT_DOUBLE_EQ(facts.durations[0].sum, 2.5);
    observe::OutcomeMetrics metrics{"1"};
    metrics.set(facts);
    EXPECT_THAT(metrics.text(), HasSubstr("mailcore_email_send_duration_seconds_bucket{provider=\"SES\",le=\"+Inf\"} 6\n"));
    EXPECT_THAT(metrics.text(), HasSubstr("mailcore_email_send_duration_seconds_sum{provider=\"SES\"} 2.5\n"));
}

TEST(StatusPage, IsNoPlaceForMarkup)
{
    auto const facts = facts_of({{"sent|<b>SES</b>|\"><script>alert(1)</script>", 3}});
    auto const page = status_page(facts);
    EXPECT_THAT(page, Not(HasSubstr("<script>")));
    EXPECT_THAT(page, HasSubstr("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST(StatusPage, SaysWhatOfALogIsLeft)
{
    auto facts = facts_of({});
    facts.logs = {{.source = "mail_log", .lines = 7, .bytes_behind = 12}, {.source = "decision_log", .readable = false}};
    EXPECT_THAT(status_page(facts), HasSubstr("12 bytes behind, 7 lines"));
    EXPECT_THAT(status_page(facts), HasSubstr("cannot be read, 0 lines"));
}

TEST(StatusAnswer, IsOneLineForTheControlSocket)
{
    auto const answer = status_answer(facts_of({{"lost", 1}}), std::chrono::seconds{61});
    EXPECT_THAT(answer, Not(HasSubstr("\n")));
    EXPECT_EQ(json::parse(answer)["ok"], true);
    EXPECT_EQ(json::parse(answer)["uptime_seconds"], 61);
    EXPECT_EQ(json::parse(answer)["lost"], 1);
}

}   // namespace
