// mailcorectl status and tenants: what the daemons say, as people read it.

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using nlohmann::json;

namespace {

json status_with(json const& limits)
{
    return {{"ok", true}, {"uptime_seconds", 61}, {"connections", 2}, {"tenants", 3},
            {"decisions", {{"pass", 10}, {"reject", 1}, {"defer", 0}, {"hold", 0}}}, {"limits", limits}};
}

class Status : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants: {}\n");
    std::string run(json const& limits)
    {
        FakeDaemon policy{folder, "mailcore-policy", {{"status", status_with(limits)}}};
        return output_of([&] { return status(common); }).out;
    }
};

TEST_F(Status, TellsWhereLimitsAreCounted)
{
    EXPECT_EQ(run({{"store", "lmdb:/var/lib/mailcore/limits"}, {"up", true}, {"on_fallback", false}, {"failures", 0}, {"suspended", 0}}),
              "DAEMON             STATE        CONNECTIONS  TENANTS  PASS  REJECT  DEFER  HOLD\n"
              "mailcore-policy    up 1m 1s     2            3        10    1       0      0\n"
              "mailcore-milter    not running\n"
              "mailcore-outcomes  not running\n"
              "\n"
              "DAEMON           COUNTS LIMITS IN               STATE\n"
              "mailcore-policy  lmdb:/var/lib/mailcore/limits  fine\n");
}

TEST_F(Status, TellsThatTheStoreIsAway)
{
    auto const out = run({{"store", "redis://10.0.0.5:6379/0"}, {"up", false}, {"on_fallback", true}, {"failures", 2}, {"suspended", 1}});
    EXPECT_TRUE(out.ends_with("mailcore-policy  redis://10.0.0.5:6379/0  away; this host counts alone, 2 failures so far\n"
                              "\n"
                              "1 tenant suspended by an operator; mailcorectl tenants shows which\n")) << out;
    auto const failing = run({{"store", "lmdb:/x"}, {"up", false}, {"on_fallback", false}, {"failures", 1}, {"suspended", 0}});
    EXPECT_TRUE(failing.ends_with("lmdb:/x           failing; limits.on_error decides, 1 failure so far\n")) << failing;
}

TEST_F(Status, TellsThatTheFallbackFails)
{
    json limits{{"store", "redis://h:6379/0"}, {"up", true}, {"on_fallback", false}, {"fallback", "lmdb:/f"}, {"fallback_up", false},
                {"full", false}, {"failures", 0}, {"suspended", 0}, {"troubles", {"lmdb:/f: data.mdb is gone"}}};
    EXPECT_TRUE(run(limits).ends_with("redis://h:6379/0  fine, but without it nobody would count all: the fallback fails\n"
                                      "\n"
                                      "lmdb:/f: data.mdb is gone\n")) << run(limits);
    limits["up"] = false;
    EXPECT_NE(run(limits).find("redis://h:6379/0  failing, the fallback, too; limits.on_error decides\n"), std::string::npos) << run(limits);
}

TEST_F(Status, TellsThatTheTableIsFull)
{
    json limits{{"store", "lmdb:/x"}, {"up", false}, {"on_fallback", false}, {"fallback", ""}, {"fallback_up", true}, {"full", true},
                {"failures", 2}, {"suspended", 0}};
    EXPECT_TRUE(run(limits).ends_with("lmdb:/x           full; what is new is not counted, limits.on_error decides, 2 failures so far\n")) << run(limits);
    limits.update({{"store", "redis://h:6379/0"}, {"on_fallback", true}, {"fallback", "lmdb:/x"}, {"fallback_up", false}, {"failures", 0}});
    EXPECT_TRUE(run(limits).ends_with("redis://h:6379/0  away; this host counts alone, but not what is new\n")) << run(limits);
}

TEST_F(Status, TellsOnceOfACopyOfTheSuspensionsThatBothDaemonsCannotRead)
{
    auto const limits = json{{"store", "lmdb:/x"}, {"up", true}, {"on_fallback", false}, {"failures", 0}, {"suspended", 0},
                             {"troubles", {"suspensions in /x/suspensions: data.mdb is damaged"}}};
    FakeDaemon milter{folder, "mailcore-milter", {{"status", status_with(limits)}}};
    EXPECT_TRUE(run(limits).ends_with("mailcore-milter  lmdb:/x           fine\n"
                                      "\n"
                                      "suspensions in /x/suspensions: data.mdb is damaged\n")) << run(limits);
}

TEST_F(Status, LeavesOutWhatAnOlderDaemonDoesNotTell)
{
    auto older = status_with({});
    older.erase("limits");
    FakeDaemon policy{folder, "mailcore-policy", {{"status", older}}};
    EXPECT_TRUE(output_of([&] { return status(common); }).out.ends_with("mailcore-outcomes  not running\n"));
}

json outcomes_status(json const& logs)
{
    auto const count = [](int number) { return json::array({{{"provider", "SES"}, {"tenant", "kbz_test"}, {"count", number}}}); };
    return {{"ok", true}, {"uptime_seconds", 7200}, {"sent", count(12)}, {"failed", count(3)}, {"queue", count(2)}, {"lost", 1},
            {"logs", logs}, {"webhook", {{"events", {{"pending", 4}, {"failed", 9}}}}}};
}

struct ReadingCase {
    json logs;
    std::string words;
    std::string note;
};

TEST_F(Status, TellsHowFarOutcomesHaveRead)
{
    auto const log = [](char const* source, int behind, bool readable) { return json{{"source", source}, {"bytes_behind", behind}, {"readable", readable}}; };
    for (auto const& one : {ReadingCase{{log("mail_log", 0, true), log("decision_log", 0, true)}, "to the end", "both"},
                            ReadingCase{{log("mail_log", 12, true), log("decision_log", 1, true)}, "mail_log 12 bytes behind, decision_log 1 byte behind", "neither"},
                            ReadingCase{{log("mail_log", 5, false), log("decision_log", 0, true)}, "mail_log cannot be read", "one cannot be"}}) {
        FakeDaemon daemon{folder, "mailcore-outcomes", {{"status", outcomes_status(one.logs)}}};
        auto const out = output_of([&] { return status(common); }).out;
        std::string const pad(std::max(one.words.size(), std::string{"OUTCOMES READ"}.size()) - one.words.size() + 2, ' ');
        EXPECT_THAT(out, testing::HasSubstr("mailcore-outcomes  up 2h 0m\n")) << one.note;
        EXPECT_THAT(out, testing::EndsWith(one.words + pad + "12    3       2         1     4\n")) << one.note;
    }
}

class Reload : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants: {}\n");
    FakeDaemon policy{folder, "mailcore-policy", {{"reload", {{"ok", true}, {"tenants", 3}, {"rules", 1}}}}};
    FakeDaemon milter{folder, "mailcore-milter", {{"reload", {{"ok", true}, {"tenants", 3}, {"rules", 1}}}}};
    std::string const gate = "mailcore-policy: reloaded (3 tenants, 1 rules)\nmailcore-milter: reloaded (3 tenants, 1 rules)\n";
};

TEST_F(Reload, DoesNotNeedOutcomes)
{
    auto const output = output_of([&] { return reload(common); });
    EXPECT_EQ(output.out, gate);
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(output.status, 0);
}

TEST_F(Reload, ReachesOutcomes)
{
    FakeDaemon outcomes{folder, "mailcore-outcomes", {{"reload", {{"ok", true}}}}};
    auto const output = output_of([&] { return reload(common); });
    EXPECT_EQ(output.out, gate + "mailcore-outcomes: reloaded\n");
    EXPECT_EQ(output.status, 0);
}

TEST_F(Reload, FailsWhereOutcomesKeepWhatTheyHad)
{
    FakeDaemon outcomes{folder, "mailcore-outcomes", {{"reload", {{"error", "outcomes.store changes at a restart of the daemon only"}}}}};
    auto const output = output_of([&] { return reload(common); });
    EXPECT_EQ(output.err, "mailcore-outcomes: kept what it had:\noutcomes.store changes at a restart of the daemon only\n");
    EXPECT_EQ(output.status, 1);
}

TEST(ReloadAlone, IsEnoughWhereOnlyOutcomesRun)
{
    Folder folder;
    Common const common = configured(folder, "tenants: {}\n");
    EXPECT_EQ(output_of([&] { return reload(common); }).status, 1) << "nothing runs";
    FakeDaemon outcomes{folder, "mailcore-outcomes", {{"reload", {{"ok", true}}}}};
    EXPECT_EQ(output_of([&] { return reload(common); }).status, 0);
}

class Tenants : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants: {}\n");
    std::string run(json const& list)
    {
        FakeDaemon policy{folder, "mailcore-policy", {{"tenants", {{"ok", true}, {"tenants", list}}}}};
        return output_of([&] { return tenants(common); }).out;
    }
    json const plain{{"name", "kbz_test"}, {"mode", "enforce"}, {"suspended", false}};
    json const by_file{{"name", "shop"}, {"mode", "suspended"}, {"suspended", false}};
    json const by_operator{{"name", "other"}, {"mode", "observe"}, {"suspended", true}, {"since", "2026-11-22T05:00:12Z"}, {"reason", "spam"}};
};

TEST_F(Tenants, AreListedWithTheirModes)
{
    EXPECT_EQ(run({plain, by_file}), "TENANT    MODE\n"
                                     "kbz_test  enforce\n"
                                     "shop      suspended\n");
}

TEST_F(Tenants, AreListedWithWhoIsSuspendedSinceWhenAndWhy)
{
    EXPECT_EQ(run({plain, by_operator}), "TENANT    MODE                   SINCE                 REASON\n"
                                         "kbz_test  enforce\n"
                                         "other     suspended by operator  2026-11-22 05:00 UTC  spam\n");
}

TEST_F(Tenants, AreJsonAsTheDaemonTellsThem)
{
    common.json = true;
    EXPECT_EQ(json::parse(run({plain, by_operator})), (json{plain, by_operator}));
}

}   // namespace
