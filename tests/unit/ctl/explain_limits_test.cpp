// What limits and suspensions add to explain.

#include <gtest/gtest.h>

#include "core/rules/read.hpp"
#include "ctl/explain_limits.hpp"
#include "stage.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

base::Time const kNow = *base::parse_time("2026-11-22T05:00:00Z");

TEST(At, IsATimeOrADistance)
{
    EXPECT_EQ(parse_at("2026-11-22T06:00:00Z", kNow).value(), kNow + 1h);
    EXPECT_EQ(parse_at("2026-11-23", kNow).value(), kNow + 19h);
    EXPECT_EQ(parse_at("+10m", kNow).value(), kNow + 10min);
    EXPECT_EQ(parse_at("-1h", kNow).value(), kNow - 1h);
    for (auto const* text : {"", "10m", "+", "-1x", "tomorrow", "2026-13-01"}) {
        auto const at = parse_at(text, kNow);
        ASSERT_FALSE(at) << text;
        EXPECT_EQ(at.error().message, "--at: \"" + std::string{text} + "\" is neither a time (2026-11-22T05:00:00Z, 2026-11-22) nor a "
                                      "distance from now (+10m, -1h)");
        EXPECT_EQ(at.error().kind, base::ErrorKind::Usage);
    }
}

// A bucket that is full until `until`, by a limit of 2 messages per minute.
json bucket(base::Time until, std::string const& key = "kbz_test messages/1m")
{
    return {{"key", key}, {"micros", until.time_since_epoch().count()}, {"parts", 0}, {"number", 2}, {"run", 0}, {"taken", 2}, {"returned", 0}};
}

class Explain : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants:\n  kbz_test: {clients: [10.0.0.1], senders: ['@x.example'], limits: [{messages: 2, per: 1m}]}\n");
    json suspensions = json::array();
    json buckets{{"ok", true}, {"time", kNow.time_since_epoch().count()}, {"buckets", {bucket(kNow)}}};
    ExplainOptions options{{"client_address=10.0.0.1", "sender=a@x.example", "recipient=b@y.example"}, "", ""};

    Output run()
    {
        std::map<std::string, json> const answers{{"buckets", buckets}, {"suspensions", {{"ok", true}, {"suspensions", suspensions}}}};
        FakeDaemon daemon{folder, "mailcore-policy", answers};
        return output_of([&] { return explain(common, options); });
    }
    json run_as_json()
    {
        common.json = true;
        return json::parse(run().out);
    }
};

TEST_F(Explain, TellsWhatTheLimitsSay)
{
    auto const output = run();
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.out, "state        RCPT, as the policy sees it\n"
                          "client       10.0.0.1: in a tenant's clients\n"
                          "sender       a@x.example: within a tenant's senders\n"
                          "size         0 bytes, any allowed\n"
                          "tenant       kbz_test\n"
                          "limit        2 messages per 1m: 0 used, 2 left; this message counts 1\n"
                          "verdict      pass, ok\n");
    EXPECT_EQ(output.err, "");
}

TEST_F(Explain, TellsARefusalByALimitAsTheDaemonWould)
{
    buckets["buckets"] = {bucket(kNow + 1min)};
    auto const told = run_as_json();
    EXPECT_EQ(told["action"], "defer");
    EXPECT_EQ(told["reason"], "limit_exceeded");
    EXPECT_EQ(told["limit"], "2 messages per 1m");
    EXPECT_EQ(told["reply"], "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 30 s (limit_exceeded)");
    EXPECT_EQ(told["trace"].back(), json({{"step", "verdict"}, {"text", "defer, limit_exceeded: " + told["reply"].get<std::string>()}}));
}

TEST_F(Explain, AsksAtAnotherTime)
{
    buckets["buckets"] = {bucket(kNow + 1min)};
    options.at = "2026-11-22T05:00:29Z";
    EXPECT_EQ(run_as_json()["reply"], "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 1 s (limit_exceeded)");
    options.at = "2026-11-22T05:00:30Z";
    EXPECT_EQ(run_as_json()["action"], "pass");
    common.json = false;
    EXPECT_NE(run().out.find("\ntime         2026-11-22T05:00:30Z, with the counters of now\n"), std::string::npos);
}

TEST_F(Explain, KnowsNoPastOfTheCounters)
{
    buckets["buckets"] = {bucket(kNow + 1min)};
    options.at = "2026-11-22T04:59:59Z";
    auto const out = run().out;
    EXPECT_TRUE(out.ends_with("\ntime         2026-11-22T04:59:59Z\n"
                              "client       10.0.0.1: in a tenant's clients\n"
                              "sender       a@x.example: within a tenant's senders\n"
                              "size         0 bytes, any allowed\n"
                              "tenant       kbz_test\n"
                              "limit        not asked: the counters know no past\n"
                              "verdict      pass, ok\n")) << out;
}

TEST_F(Explain, LeavesARefusalForAnotherReasonAlone)
{
    options.attributes[1] = "sender=a@y.example";
    buckets["buckets"] = {bucket(kNow + 1min)};
    auto const told = run_as_json();
    EXPECT_EQ(told["reason"], "sender_not_allowed");
    for (auto const& step : told["trace"]) EXPECT_NE(step["step"], "limit");
}

TEST_F(Explain, TellsOfASuspension)
{
    suspensions = {{{"tenant", "kbz_test"}, {"since", "2026-11-22T05:00:00Z"}, {"reason", "spam"}}};
    auto const told = run_as_json();
    EXPECT_EQ(told["reason"], "tenant_suspended");
    EXPECT_NE(told["trace"].dump().find("suspended by an operator: spam"), std::string::npos);
}

TEST_F(Explain, SaysWhatCouldNotBeAsked)
{
    buckets = {{"error", "disk I/O error"}};
    auto const out = run().out;
    EXPECT_TRUE(out.ends_with("tenant       kbz_test\n"
                              "limit        not asked: disk I/O error\n"
                              "verdict      pass, ok\n")) << out;
}

TEST_F(Explain, IsNotMisledByAnAnswerThatLacksCounters)
{
    buckets["buckets"] = json::array();
    EXPECT_NE(run().out.find("limit        not asked: the daemon's answer lacks counters\n"), std::string::npos);
    buckets = {{"ok", true}};
    EXPECT_NE(run().out.find("limit        not asked: the daemon's answer cannot be read"), std::string::npos);
}

TEST_F(Explain, TakesNothingForCountedWhereThereIsNeitherDaemonNorState)
{
    common.config = folder.write("mailcore.yaml", "state_directory: /nowhere\nstamp: {keys_file: ''}\ntenants:\n  kbz_test: "
                                                  "{clients: [10.0.0.1], senders: ['@x.example'], limits: [{messages: 2, per: 1m}]}\n");
    auto const output = output_of([&] { return explain(common, options); });
    EXPECT_NE(output.out.find("limit        2 messages per 1m: 0 used, 2 left; this message counts 1\n"), std::string::npos) << output.out;
    EXPECT_FALSE(std::filesystem::exists("/nowhere"));
}

TEST_F(Explain, RefusesATimeThatIsNone)
{
    options.at = "soon";
    EXPECT_EQ(run().status, 64);
}

}   // namespace
