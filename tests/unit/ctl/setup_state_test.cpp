// What setup remembers, and what --undo makes of it.

#include <gtest/gtest.h>

#include "ctl/setup_state.hpp"

using namespace mailcore::ctl;

namespace {

using Kind = Change::Kind;
using Parameters = std::map<std::string, std::string>;

PostfixConfiguration postfix(Parameters written, std::string const& services = "")
{
    return {std::move(written), {}, parse_services(services, "")};
}

Plan plan_of(std::vector<Change> changes) { return {std::move(changes), {}}; }

Change set(std::string const& name, std::string const& value) { return {Kind::Set, name, value, "", ""}; }

std::string commands(UndoPlan const& undo)
{
    std::string text;
    for (auto const& change : undo.changes) text += std::string{postconf_option(change.kind)} + " " + postconf_argument(change) + "\n";
    return text;
}

TEST(SetupState, IsReadAsItWasWritten)
{
    SetupState state{"backup-1", "backup-2", {{"a", {"b", "c"}}, {"d", {std::nullopt, "e"}}}, {{"smtp/inet", {"x", "y"}}}};
    auto const read = parse_state(print_state(state));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, state);
}

TEST(SetupState, IsRefusedWhenItIsNone)
{
    for (auto const* text : {"", "{}", "[1]", "{\"original\": 1}"}) EXPECT_FALSE(parse_state(text)) << text;
}

TEST(Undo, PutsBackWhatWasThereAndTakesOutWhatWasNot)
{
    SetupState state;
    remember(state, plan_of({set("a", "2"), set("b", "3")}), postfix({{"a", "1"}}), postfix({{"a", "2"}, {"b", "3"}}));
    EXPECT_EQ(commands(plan_undo(state, postfix({{"a", "2"}, {"b", "3"}, {"other", "x"}}))), "-e a = 1\n-X b\n");
}

TEST(Undo, GoesBackBeforeTheFirstApply)
{
    SetupState state;
    remember(state, plan_of({set("a", "2")}), postfix({{"a", "1"}}), postfix({{"a", "2"}}));
    remember(state, plan_of({set("a", "3")}), postfix({{"a", "2"}}), postfix({{"a", "3"}}));
    EXPECT_EQ(commands(plan_undo(state, postfix({{"a", "3"}}))), "-e a = 1\n");
}

TEST(Undo, GoesBackToWhatTheOperatorWroteInBetween)
{
    SetupState state;
    remember(state, plan_of({set("a", "2")}), postfix({{"a", "1"}}), postfix({{"a", "2"}}));
    remember(state, plan_of({set("a", "3")}), postfix({{"a", "his own"}}), postfix({{"a", "3"}}));
    EXPECT_EQ(commands(plan_undo(state, postfix({{"a", "3"}}))), "-e a = his own\n");
}

TEST(Undo, RefusesWhatSomebodyChangedSince)
{
    SetupState state;
    remember(state, plan_of({set("a", "2"), {Kind::Override, "smtp/inet/x", "y", "", ""}}), postfix({{"a", "1"}}, "smtp inet n - y - - smtpd"),
             postfix({{"a", "2"}}, "smtp inet n - y - - smtpd -o x=y"));
    auto const undo = plan_undo(state, postfix({{"a", "mine"}}, "smtp inet n - y - - smtpd -o x=z"));
    EXPECT_EQ(undo.conflicts, (std::vector<std::string>{"master.cf: smtp/inet is no longer as setup left it",
                                                        "main.cf: a is no longer as setup left it"}));
}

TEST(Undo, HasNothingToDoWhereSomebodyPutItBackAlready)
{
    SetupState state;
    remember(state, plan_of({set("a", "2")}), postfix({{"a", "1"}}), postfix({{"a", "2"}}));
    auto const undo = plan_undo(state, postfix({{"a", "1"}}));
    EXPECT_TRUE(undo.changes.empty());
    EXPECT_TRUE(undo.conflicts.empty());
}

TEST(Undo, PutsBackAWholeServiceAndTakesOutOneThatSetupAdded)
{
    SetupState state;
    remember(state,
             plan_of({{Kind::Override, "smtp/inet/x", "y", "", ""},
                      {Kind::AddService, "submission/inet", "submission inet n - y - - smtpd", "", ""},
                      {Kind::Override, "submission/inet/x", "y", "", ""}}),
             postfix({}, "smtp inet n - y - - smtpd -o {x=old value}"),
             postfix({}, "smtp inet n - y - - smtpd -o x=y\nsubmission inet n - y - - smtpd -o x=y"));
    auto const undo = plan_undo(state, postfix({}, "smtp inet n  - y - - smtpd -o x=y\nsubmission inet n - y - - smtpd -o x=y"));
    EXPECT_EQ(commands(undo), "-M smtp/inet=smtp inet n - y - - smtpd -o {x=old value}\n-MX submission/inet\n");
}

TEST(Undo, DoesNotMindBlanks)
{
    SetupState state;
    remember(state, plan_of({set("a", "2 3")}), postfix({{"a", "1"}}), postfix({{"a", "2  3"}}));
    EXPECT_EQ(commands(plan_undo(state, postfix({{"a", "2 3"}}))), "-e a = 1\n");
}

}   // namespace
