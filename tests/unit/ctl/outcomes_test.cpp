// mailcorectl outcomes and queue: what is asked, what is shown.

#include "ctl/outcomes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stub_postfix.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

base::Time const kNow = *base::parse_time("2026-11-22T08:00:00Z");

json outcome(std::string const& status, std::string const& reason)
{
    return {{"sentAt", "2026-11-22T07:59:58.123Z"}, {"status", status}, {"tenantId", "kbz_test"}, {"ticketId", "ticket_smtp_test_001"},
            {"recipient", "user@example.com"}, {"dsn", "5.1.1"}, {"reason", reason}};
}

TEST(OutcomesRequest, NamesWhatIsGivenOnly)
{
    EXPECT_EQ(*outcomes_request({}, kNow), (json{{"command", "outcomes"}, {"limit", 100}}));
    OutcomesOptions options;
    options.ticket = "ticket_smtp_test_001";
    options.status = "BOUNCED";
    options.limit = 5;
    EXPECT_EQ(*outcomes_request(options, kNow),
              (json{{"command", "outcomes"}, {"limit", 5}, {"ticket", "ticket_smtp_test_001"}, {"status", "BOUNCED"}}));
}

struct MomentCase {
    std::string written, asked, note;
};

TEST(OutcomesRequest, TakesADistanceOrATime)
{
    for (auto const& one : {MomentCase{"1h", "2026-11-22T07:00:00Z", "an hour ago"},
                            MomentCase{"2d", "2026-11-20T08:00:00Z", "days"},
                            MomentCase{"2026-11-22T05:00:00Z", "2026-11-22T05:00:00Z", "a time"},
                            MomentCase{"2026-11-22T06:00:00+01:00", "2026-11-22T05:00:00Z", "of another zone"}}) {
        OutcomesOptions options;
        options.since = one.written;
        auto const request = outcomes_request(options, kNow);
        ASSERT_TRUE(request) << one.note << ": " << request.error().message;
        EXPECT_EQ(request->value("since", ""), one.asked) << one.note;
    }
}

TEST(OutcomesRequest, RefusesWhatIsNoTime)
{
    OutcomesOptions options;
    options.until = "yesterday";
    auto const request = outcomes_request(options, kNow);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().message, "--until: \"yesterday\" is no time; write 1h for an hour ago, or 2026-11-22T05:00:00Z");
    EXPECT_EQ(request.error().kind, base::ErrorKind::Usage);
}

TEST(OutcomeRow, ShowsNoControlCharacter)
{
    EXPECT_THAT(outcome_row(outcome("BOUNCED", "550 no\x1b[2J such user")),
                ElementsAre("2026-11-22 07:59:58", "BOUNCED", "kbz_test", "ticket_smtp_test_001", "user@example.com", "5.1.1",
                            testing::Not(HasSubstr("\x1b"))));
}

TEST(OutcomeRow, StandsOnSeveralLinesWhereTheTerminalIsNarrow)
{
    auto const row = outcome_row(outcome("BOUNCED", "host mx.example.com[192.0.2.1] said: 550 5.1.1 no such user here (in reply to RCPT TO command)"));
    EXPECT_FALSE(fits({row}, 80));
    EXPECT_FALSE(fits({row}, 180));
    EXPECT_TRUE(fits({row}, 181));
    EXPECT_TRUE(fits({row}, 0)) << "no terminal: whoever cuts columns out of it finds them";
    EXPECT_EQ(as_lines(row, 80),
              "2026-11-22 07:59:58  BOUNCED  user@example.com\n"
              "    kbz_test, ticket_smtp_test_001, 5.1.1: host mx.example.com[192.0.2.1] said:\n"
              "    550 5.1.1 no such user here (in reply to RCPT TO command)\n");
}

TEST(OutcomeRow, LeavesOutWhatIsNotKnown)
{
    json const accepted{{"sentAt", "2026-11-22T07:59:58Z"}, {"status", "ACCEPTED"}, {"recipient", "user@example.com"}};
    EXPECT_EQ(as_lines(outcome_row(accepted), 80), "2026-11-22 07:59:58  ACCEPTED  user@example.com\n");
}

TEST(PostfixStats, CountsByQueueAndByTenant)
{
    auto const arrived = std::chrono::duration_cast<std::chrono::seconds>(kNow.time_since_epoch()).count() - 90;
    std::vector<QueueEntry> const entries{{"A1", "deferred", arrived, 2}, {"B2", "hold", arrived + 60, 1}, {"C3", "active", arrived + 80, 1}};
    auto const stats = postfix_stats(entries, {{"A1", "kbz_test"}, {"B2", "kbz_test"}}, kNow);
    EXPECT_EQ(stats["messages"], 3);
    EXPECT_EQ(stats["queues"], (json{{"incoming", 0}, {"active", 1}, {"deferred", 1}, {"hold", 1}}));
    EXPECT_EQ(stats["tenants"], (json::array({{{"tenant", ""}, {"messages", 1}, {"recipients", 1}, {"oldest_seconds", 10}},
                                              {{"tenant", "kbz_test"}, {"messages", 2}, {"recipients", 3}, {"oldest_seconds", 90}}})));
}

constexpr char const* kWithWebhook = "tenants: {}\noutcomes: {webhook: {url: 'http://127.0.0.1:1/hook'}}\n";

class Outcomes : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants: {}\n");
};

TEST_F(Outcomes, AreATable)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"outcomes", {{"ok", true}, {"last_change", 7}, {"outcomes", {outcome("BOUNCED", "550 5.1.1 no such user")}}}}}};
    auto const output = output_of([&] { return outcomes(common, {}); });
    EXPECT_EQ(output.out, "TIME                 STATUS   TENANT    TICKET                RECIPIENT         DSN    REASON\n"
                          "2026-11-22 07:59:58  BOUNCED  kbz_test  ticket_smtp_test_001  user@example.com  5.1.1  550 5.1.1 no such user\n");
    EXPECT_EQ(output.status, 0);
}

TEST_F(Outcomes, SayWhenThereMayBeMore)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"outcomes", {{"ok", true}, {"outcomes", {outcome("SENT", "250 ok")}}}}}};
    OutcomesOptions options;
    options.limit = 1;
    EXPECT_EQ(output_of([&] { return outcomes(common, options); }).err, "mailcorectl: there may be more; --limit 10 shows more, or narrow it down\n");
}

TEST_F(Outcomes, ThatAreNoneAreSaidSo)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"outcomes", {{"ok", true}, {"outcomes", json::array()}}}}};
    EXPECT_EQ(output_of([&] { return outcomes(common, {}); }).out, "No outcome is known that fits.\n");
    common.json = true;
    EXPECT_EQ(output_of([&] { return outcomes(common, {}); }).out, "[]\n");
}

TEST_F(Outcomes, GiveTheDaemonsWordsWhenItRefuses)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"outcomes", {{"error", "status: \"GONE\" is none of ACCEPTED, SENT"}}}}};
    auto const output = output_of([&] { return outcomes(common, {}); });
    EXPECT_EQ(output.err, "mailcorectl: status: \"GONE\" is none of ACCEPTED, SENT\n");
    EXPECT_EQ(output.status, 1);
}

TEST_F(Outcomes, ThatWereGivenUpAreShownWithWhy)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-failed", {{"ok", true}, {"failed", {{{"event", outcome("SENT", "250 ok")}, {"attempts", 31},
                                                      {"error", "HTTP 500"}, {"failedAt", "2026-11-22T08:00:01.000Z"}}}}}}}};
    EXPECT_EQ(output_of([&] { return queue_failed(common, 100); }).out,
              "GIVEN UP              STATUS  TENANT    TICKET                RECIPIENT         TRIES  WHY\n"
              "2026-11-22 08:00 UTC  SENT    kbz_test  ticket_smtp_test_001  user@example.com  31     HTTP 500\n");
}

TEST_F(Outcomes, ThatWereGivenUpAndDeletedSinceAreNotPassedOverInSilence)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-failed", {{"ok", true}, {"failed", json::array()}, {"forgotten", 3}}}}};
    auto const words = "mailcorectl: 3 events that were given up can be shown no more: deleted with the messages after outcomes.retention\n";
    auto output = output_of([&] { return queue_failed(common, 100); });
    EXPECT_EQ(output.out, "No event has failed.\n");
    EXPECT_EQ(output.err, words);
    EXPECT_EQ(output.status, 0);
    common.json = true;
    output = output_of([&] { return queue_failed(common, 100); });
    EXPECT_EQ(output.out, "[]\n");
    EXPECT_EQ(output.err, words);
}

TEST_F(Outcomes, CannotBeSentAgainWithoutAWebhook)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-retry", {{"ok", true}, {"retried", 2}}}}};
    auto const output = output_of([&] { return queue_retry(common, 10); });
    EXPECT_EQ(output.out, "");
    EXPECT_EQ(output.err, "mailcorectl: no webhook is configured, so nothing can be sent again: outcomes.webhook.url is empty in " + common.config + "\n");
    EXPECT_EQ(output.status, 78);
    EXPECT_EQ(daemon.asked().size(), 0u) << "they stay where queue failed shows them";
}

TEST_F(Outcomes, ThatWaitForAWebhookThatIsNoneAreToldSo)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-stats", {{"ok", true}, {"webhook", {{"pending", 1}}}}}}};
    StubPostfix postfix;
    postfix.program("postqueue", "");
    EXPECT_EQ(output_of([&] { return queue_stats(common, postfix.directory()); }).err,
              "mailcorectl: no webhook is configured: what is pending is sent when outcomes.webhook.url is set\n");
    auto const with_one = configured(folder, kWithWebhook);
    EXPECT_EQ(output_of([&] { return queue_stats(with_one, postfix.directory()); }).err, "");
}

TEST_F(Outcomes, AreSentAgainWhenTheOperatorSaysSo)
{
    common = configured(folder, kWithWebhook);
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-retry", {{"ok", true}, {"retried", 2}}}}};
    EXPECT_EQ(output_of([&] { return queue_retry(common, 10); }).out, "2 events will be sent again.\n");
    EXPECT_EQ(daemon.asked().front(), (json{{"command", "queue-retry"}, {"max", 10}}));
}

// A request to a daemon is a line of at most 64 KiB.
TEST_F(Outcomes, TellWhoseMessagesAreHoweverLongTheQueue)
{
    FakeDaemon daemon{folder, "mailcore-outcomes", {{"queue-stats", {{"ok", true}, {"webhook", {{"pending", 0}}}}},
                                                    {"tenants-of", {{"ok", true}, {"tenants", {{"4jWYs717q0001", "kbz_test"}}}}}}};
    StubPostfix postfix;
    postfix.program("postqueue", "i=1\nwhile [ $i -le 2500 ]; do\n"
                                 "  printf '{\"queue_name\": \"deferred\", \"queue_id\": \"4jWYs717q%04d\", \"arrival_time\": 1795324000, \"recipients\": [{}]}\\n' $i\n"
                                 "  i=$((i+1))\ndone\n");
    common.json = true;
    auto const output = output_of([&] { return queue_stats(common, postfix.directory()); });
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(json::parse(output.out)["postfix"]["tenants"].size(), 2u);
    EXPECT_EQ(daemon.asked().size(), 1u + 3u) << "three times a thousand or fewer";
}

}   // namespace
