// mailcorectl limits: what people and scripts read.

#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "ctl/limits.hpp"
#include "stage.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

base::Time const kNow = *base::parse_time("2026-11-22T05:00:00Z");

// As the desk tells it.
json entry(std::string const& tenant, std::string const& limit, std::string const& id, json more = json::object())
{
    json one{{"tenant", tenant}, {"limit", limit}, {"id", id}, {"key", ""}, {"unit", "messages"}, {"action", "defer"}, {"number", 100},
             {"burst", 100}, {"per", "1m"}, {"used", 0}, {"left", 100}, {"free_at", ""}, {"empty_at", ""}};
    one.update(more);
    return one;
}

json messages(std::string const& tenant, json more = json::object()) { return entry(tenant, "100 messages per 1m", "messages/1m", more); }

json by_sender(std::string const& sender, json more = json::object())
{
    more["key"] = sender;
    return entry("kbz_test", "5 messages per 1h, each sender", "messages/1h/sender", more);
}

std::string as_text(Table const& table)
{
    auto const line = [](std::vector<std::string> const& row) {
        std::string text;
        for (auto const& cell : row) text += (text.empty() ? "" : "|") + cell;
        return text + "\n";
    };
    auto text = line(table.head);
    for (auto const& row : table.rows) text += line(row);
    return text;
}

TEST(LimitsTable, TellsUsedAndLeftAndWhenTheNextPasses)
{
    json const limits{messages("kbz_test", {{"used", 37}, {"left", 63}}),
                      messages("shop", {{"used", 100}, {"left", 0}, {"free_at", "2026-11-22T05:00:12Z"}})};
    EXPECT_EQ(as_text(limits_table(limits, Asked::AllTenants, kNow)), "TENANT|LIMIT|USED|LEFT|NEXT FREE\n"
                                                                      "kbz_test|100 messages per 1m|37|63|now\n"
                                                                      "shop|100 messages per 1m|100|0|in 12 s\n");
}

TEST(LimitsTable, DoesNotTellNowWhereNothingIsLeft)
{
    json const limits{messages("kbz_test", {{"left", 0}, {"free_at", "2026-11-22T05:00:00Z"}}), messages("shop")};
    EXPECT_EQ(limits_table(limits, Asked::AllTenants, kNow).rows.at(0).back(), "in 1 s");
}

TEST(LimitsTable, TellsBytesAsSizes)
{
    auto const limits = json::array({entry("shop", "1GiB per 1d", "bytes/1d", {{"unit", "bytes"}, {"used", 1'234'567'890}, {"left", 512}})});
    EXPECT_EQ(as_text(limits_table(limits, Asked::AllTenants, kNow)), "TENANT|LIMIT|USED|LEFT|NEXT FREE\n"
                                                                      "shop|1GiB per 1d|1.1 GiB|512 B|now\n");
}

TEST(LimitsTable, PutsTheFullestSenderFirst)
{
    json const limits{messages("kbz_test"), by_sender("a@x.example", {{"used", 1}, {"left", 4}}),
                      by_sender("b@x.example", {{"used", 5}, {"left", 0}, {"free_at", "2026-11-22T05:12:00Z"}})};
    EXPECT_EQ(as_text(limits_table(limits, Asked::OneTenant, kNow)), "TENANT|LIMIT|KEY|USED|LEFT|NEXT FREE\n"
                                                                     "kbz_test|100 messages per 1m||0|100|now\n"
                                                                     "kbz_test|5 messages per 1h|b@x.example|5|0|in 12 m\n"
                                                                     "kbz_test|5 messages per 1h|a@x.example|1|4|now\n");
}

TEST(LimitsTable, TellsThatSendersWereNotLookedInto)
{
    EXPECT_EQ(as_text(limits_table(json::array({by_sender("")}), Asked::AllTenants, kNow)), "TENANT|LIMIT|KEY|USED|LEFT|NEXT FREE\n"
                                                                               "kbz_test|5 messages per 1h|each sender|-|-|-\n");
    EXPECT_EQ(as_text(limits_table(json::array({by_sender("", {{"left", 5}})}), Asked::OneTenant, kNow)),
              "TENANT|LIMIT|KEY|USED|LEFT|NEXT FREE\nkbz_test|5 messages per 1h|each sender|0|5|now\n");
}

TEST(LimitsTable, TellsWhatAWarmUpAllowsToday)
{
    auto const warming = [](std::string const& limit, std::string const& unit, std::uint64_t number) {
        json const more{{"unit", unit}, {"number", number}, {"full_number", unit == "bytes" ? 1u << 30u : 10'000u}, {"key", "a@x"}};
        return limits_table(json::array({entry("new", limit, "x", more)}), Asked::OneTenant, kNow).rows.at(0).at(1);
    };
    EXPECT_EQ(warming("10000 messages per 1d, with warm-up", "messages", 400), "10000 messages per 1d, now 400");
    EXPECT_EQ(warming("10000 messages per 1d, with warm-up", "messages", 10'000), "10000 messages per 1d");
    EXPECT_EQ(warming("1GiB per 1d, each sender, with warm-up", "bytes", 50u << 20u), "1GiB per 1d, now 50MiB");
    EXPECT_EQ(warming("1GiB per 1d, 10MiB at once, each sender, with warm-up", "bytes", 1u << 30u), "1GiB per 1d, 10MiB at once");
}

TEST(LimitsTable, ShowsNoControlCharactersOfASender)
{
    auto const table = limits_table(json::array({by_sender("\033[31mred@x.example")}), Asked::OneTenant, kNow);
    EXPECT_EQ(table.rows.at(0).at(2), "?[31mred@x.example");
}

TEST(LimitsTable, FitsATerminalWithUsualNames)
{
    auto const table = limits_table(json::array({by_sender("amazon@inbound.keybuzz.io", {{"left", 0}, {"free_at", "2026-11-22T08:05:00Z"}})}),
                                    Asked::OneTenant, kNow);
    std::size_t width = 2 * (table.head.size() - 1);
    for (std::size_t i = 0; i < table.head.size(); ++i) width += std::max(table.head[i].size(), table.rows[0][i].size());
    EXPECT_LE(width, 80u);
}

class LimitsCommand : public testing::Test {
protected:
    Folder folder;
    Common common = configured(folder, "tenants: {}\n");

    Output run(json const& answer, LimitsOptions const& options = {})
    {
        std::map<std::string, json> const answers{{"limits", answer},
                                                  {"suspensions", {{"ok", true}, {"suspensions", suspensions}}},
                                                  {"tenants", {{"ok", true}, {"tenants", {{{"name", "kbz_test"}}, {{"name", "shop"}}}}}}};
        FakeDaemon daemon{folder, "mailcore-policy", answers};
        auto output = output_of([&] { return limits(common, options); });
        asked = daemon.asked();
        return output;
    }
    static json listed(json limits, bool on_fallback = false)
    {
        return {{"ok", true}, {"store", "redis://10.0.0.5:6379/0"}, {"on_fallback", on_fallback}, {"limits", std::move(limits)}};
    }

    json suspensions = json::array();
    std::vector<json> asked;
};

TEST_F(LimitsCommand, AsksForAllTenants)
{
    auto const output = run(listed({messages("kbz_test")}));
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.out, "TENANT    LIMIT                USED  LEFT  NEXT FREE\n"
                          "kbz_test  100 messages per 1m  0     100   now\n");
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(asked.at(0), json({{"command", "limits"}}));
}

TEST_F(LimitsCommand, PrintsEveryEntryAsJson)
{
    common.json = true;
    auto const output = run(listed({messages("kbz_test"), messages("shop")}), {.tenant = "kbz_test"});
    EXPECT_EQ(json::parse(output.out), (json{messages("kbz_test"), messages("shop")}));
    EXPECT_EQ(asked.at(0), json({{"command", "limits"}, {"tenant", "kbz_test"}}));
}

TEST_F(LimitsCommand, SaysThatThisHostCountsAlone)
{
    auto const output = run(listed({messages("kbz_test")}, true));
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.err, "mailcorectl: redis://10.0.0.5:6379/0 is away: these are the counters of this host alone\n");
}

TEST_F(LimitsCommand, SaysThatTheTenantIsSuspended)
{
    suspensions = {{{"tenant", "kbz_test"}, {"since", "2026-11-22T05:00:12Z"}, {"reason", "stolen \033password"}}};
    auto const output = run(listed({messages("kbz_test")}), {.tenant = "kbz_test"});
    EXPECT_TRUE(output.out.ends_with("\nkbz_test is suspended by an operator since 2026-11-22 05:00 UTC: stolen ?password\n")) << output.out;
}

TEST_F(LimitsCommand, SaysWhereThereAreNone)
{
    EXPECT_EQ(run(listed(json::array())).out, "No tenant has limits.\n");
    EXPECT_EQ(run(listed(json::array()), {.tenant = "shop"}).out, "shop has no limits.\n");
}

TEST_F(LimitsCommand, SaysThatSendersWereNotLookedInto)
{
    EXPECT_EQ(run(listed({messages("kbz_test"), by_sender("")})).out, "TENANT    LIMIT                KEY          USED  LEFT  NEXT FREE\n"
                                                                      "kbz_test  100 messages per 1m               0     100   now\n"
                                                                      "kbz_test  5 messages per 1h    each sender  -     -     -\n"
                                                                      "\n-  not looked into here; mailcorectl limits TENANT shows each\n");
}

TEST_F(LimitsCommand, LeavesOutWhatIsTooMuchToReadAndSaysSo)
{
    auto many = json::array();
    for (int i = 0; i < 1'234; ++i) many.push_back(messages("tenant" + std::to_string(i)));
    auto const output = run(listed(many));
    EXPECT_EQ(base::split(output.out, '\n').size(), 1'000u + 2);
    EXPECT_EQ(output.err, "mailcorectl: 234 more rows; --all shows them, or name a tenant\n");
    EXPECT_EQ(base::split(run(listed(many), {.all = true}).out, '\n').size(), 1'234u + 2);
}

TEST_F(LimitsCommand, SaysHowMuchTheAnswerLeavesOut)
{
    auto answer = listed({messages("kbz_test")});
    answer["left_out"] = 2'001;
    auto const words = "mailcorectl: the answer leaves out 2001 counters, none of them fuller than those it has\n";
    EXPECT_EQ(run(answer, {.tenant = "kbz_test"}).err, words);
    common.json = true;
    auto const output = run(answer, {.tenant = "kbz_test"});
    EXPECT_EQ(output.err, words);
    EXPECT_EQ(json::parse(output.out).size(), 1u);
    EXPECT_EQ(output.status, 0);
}

TEST_F(LimitsCommand, GuessesTheTenantThatWasMeant)
{
    auto const output = run({{"error", "no tenant \"kbz_tset\" in the rules in force"}}, {.tenant = "kbz_tset"});
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: no tenant \"kbz_tset\" in the rules in force; did you mean \"kbz_test\"?\n");
    EXPECT_EQ(run({{"error", "no tenant \"x\" in the rules in force"}}, {.tenant = "x"}).err,
              "mailcorectl: no tenant \"x\" in the rules in force; mailcorectl tenants lists them\n");
}

TEST_F(LimitsCommand, TellsWhatIsInTheWayWhereNobodyCanAnswer)
{
    common.config = folder.write("mailcore.yaml", "state_directory: /nowhere\nstamp: {keys_file: ''}\ntenants: {}\n");
    auto const output = output_of([&] { return limits(common, {}); });
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: no daemon runs, and there is no state directory /nowhere\n");
}

TEST(LimitsReset, TellsHowManyWereForgotten)
{
    Folder folder;
    auto common = configured(folder, "tenants: {}\n");
    FakeDaemon daemon{folder, "mailcore-milter", {{"limits-reset", {{"ok", true}, {"tenant", "kbz_test"}, {"forgotten", 3}}}}};
    EXPECT_EQ(output_of([&] { return limits_reset(common, "kbz_test"); }).out, "kbz_test: 3 counters forgotten; its limits are free again\n");
    EXPECT_EQ(daemon.asked().at(0), json({{"command", "limits-reset"}, {"tenant", "kbz_test"}}));
    common.json = true;
    EXPECT_EQ(json::parse(output_of([&] { return limits_reset(common, "kbz_test"); }).out), json({{"tenant", "kbz_test"}, {"forgotten", 3}}));
}

TEST(LimitsReset, SaysThatNothingWasCounted)
{
    Folder folder;
    FakeDaemon daemon{folder, "mailcore-policy", {{"limits-reset", {{"ok", true}, {"tenant", "kbz_test"}, {"forgotten", 0}}}}};
    EXPECT_EQ(output_of([&] { return limits_reset(configured(folder, "tenants: {}\n"), "kbz_test"); }).out, "kbz_test: nothing was counted\n");
}

}   // namespace
