// With no daemon running mailcorectl opens the store itself: what it says is what the daemons would.

#include <gtest/gtest.h>

#include "core/gate/limit_desk.hpp"
#include "core/rules/read.hpp"
#include "ctl/client.hpp"
#include "stage.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using nlohmann::json;

namespace {

class Alone : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants:\n  kbz_test: {clients: [10.0.0.1], senders: ['@x.example'], "
                                       "limits: [{messages: 2, per: 1m}, {messages: 1, per: 1h, key: sender}]}\n");

    // As the milter does at the end of a message.
    void count_one(std::string const& sender)
    {
        auto const configuration = rules::read_configuration(common.config);
        ASSERT_TRUE(configuration) << configuration.error().message;
        auto const store = store::Limits::open(gate::limits_options(configuration->settings), [](auto const&) {});
        ASSERT_TRUE(store) << store.error().message;
        mail::Request request;
        request.sender.set(sender);
        auto const& ruleset = *configuration->ruleset;
        auto const charges = rules::charges_for(ruleset, *ruleset.find_tenant("kbz_test"), request, base::now());
        auto const answer = (*store)->take(charges, base::now());
        ASSERT_TRUE(answer) << answer.error().message;
        ASSERT_TRUE(answer->taken);
    }
    json limits_as_json()
    {
        common.json = true;
        auto const output = output_of([&] { return limits(common, {.tenant = "kbz_test"}); });
        EXPECT_EQ(output.err, "");
        return json::parse(output.out);
    }
    std::string explain_it()
    {
        return output_of([&] { return explain(common, {{"client_address=10.0.0.1", "sender=a@x.example"}, "", ""}); }).out;
    }
};

TEST_F(Alone, TellsWhatIsUsed)
{
    count_one("a@x.example");
    auto const told = limits_as_json();
    ASSERT_EQ(told.size(), 2u) << told;
    EXPECT_EQ(told[0]["used"], 1);
    EXPECT_EQ(told[0]["left"], 1);
    EXPECT_EQ(told[1]["key"], "a@x.example");
    EXPECT_EQ(told[1]["left"], 0);
    EXPECT_NE(told[1]["free_at"], "");
}

TEST_F(Alone, ExplainsAndCountsNothingByThat)
{
    count_one("b@x.example");
    for (int i = 0; i < 3; ++i) {
        EXPECT_NE(explain_it().find("limit        2 messages per 1m: 1 used, 1 left; this message counts 1\n"), std::string::npos) << explain_it();
    }
}

TEST_F(Alone, ForgetsWhatWasCounted)
{
    count_one("a@x.example");
    EXPECT_EQ(output_of([&] { return limits_reset(common, "kbz_test"); }).out, "kbz_test: 2 counters forgotten; its limits are free again\n");
    EXPECT_EQ(limits_as_json()[0]["used"], 0);
    EXPECT_EQ(output_of([&] { return limits_reset(common, "kbz_tset"); }).err,
              "mailcorectl: no tenant \"kbz_tset\" in the rules in force; did you mean \"kbz_test\"?\n");
}

TEST_F(Alone, SuspendsAndResumes)
{
    auto const suspended = output_of([&] { return tenant_suspend(common, {.name = "kbz_test", .reason = "spam"}); });
    EXPECT_EQ(suspended.status, 0) << suspended.err;
    EXPECT_EQ(suspended.out, "kbz_test: suspended; no daemon runs here, they refuse its mail when they start\n"
                             "What is in Postfix's queue still goes; --hold stops that, too\n");
    EXPECT_NE(explain_it().find("suspension   suspended by an operator: spam\n"), std::string::npos);
    EXPECT_TRUE(output_of([&] { return tenant_suspend(common, {.name = "kbz_test"}); }).out.starts_with("kbz_test: was suspended already\n"));

    EXPECT_EQ(output_of([&] { return tenant_resume(common, {.name = "kbz_test"}); }).out,
              "kbz_test: resumed; its mail is judged as before within a second\n");
    EXPECT_NE(explain_it().find("verdict      pass, ok\n"), std::string::npos);
}

TEST_F(Alone, OpensTheStoreThoughADaemonThatDiedLeftItsSocket)
{
    { FakeDaemon gone{folder, "mailcore-policy", {}}; }
    folder.write("mailcore-policy.ctl", "");   // no socket any more; connecting fails
    Desk desk{common.config};
    EXPECT_TRUE(desk.ask({{"command", "suspensions"}}));
    EXPECT_FALSE(desk.asked_daemon());
}

TEST_F(Alone, AsksTheOtherDaemonWhereOneIsAway)
{
    FakeDaemon milter{folder, "mailcore-milter", {{"suspensions", {{"ok", true}, {"suspensions", json::array()}}}}};
    Desk desk{common.config};
    EXPECT_TRUE(desk.ask({{"command", "suspensions"}}));
    EXPECT_TRUE(desk.asked_daemon());
    EXPECT_EQ(milter.asked().size(), 1u);
}

TEST_F(Alone, DoesNotGoAroundADaemonThatRefuses)
{
    FakeDaemon old{folder, "mailcore-policy", {{"status", {{"ok", true}}}}};
    Desk desk{common.config};
    auto const answer = desk.ask({{"command", "suspensions"}});
    ASSERT_FALSE(answer);
    EXPECT_TRUE(answer.error().message.starts_with("this daemon knows no such command; its version is ")) << answer.error().message;
}

TEST_F(Alone, TellsMistakesOfTheConfiguration)
{
    common = configured(folder, "tenants: {kbz_test: {clints: []}}\n");
    auto const output = output_of([&] { return limits(common, {}); });
    EXPECT_EQ(output.status, 78);
    EXPECT_NE(output.err.find("unknown key \"clints\""), std::string::npos) << output.err;
}

}   // namespace
