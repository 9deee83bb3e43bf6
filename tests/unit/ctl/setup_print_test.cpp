// What the operator reads and pastes.

#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "ctl/postfix.hpp"
#include "ctl/setup_print.hpp"

using namespace mailcore;
using namespace mailcore::ctl;

namespace {

using Kind = Change::Kind;

PrintStyle const kPlain{"/etc/postfix", false};

TEST(SetupPrint, ShowsReasonFormerValueAndCommand)
{
    Plan plan;
    plan.changes.push_back({Kind::Set, "swap_bangpath", "no", "Because.", "yes"});
    plan.changes.push_back({Kind::DropOverride, "2525/inet/smtpd_milters", "", "Because of that.", ""});
    plan.notes.emplace_back("Look here.");
    EXPECT_EQ(print_plan(plan, kPlain), "# Because.\n#     was: yes\npostconf -e 'swap_bangpath = no'\n\n"
                                        "# Because of that.\npostconf -PX '2525/inet/smtpd_milters'\n\n"
                                        "# NOTE: Look here.\n\n");
}

TEST(SetupPrint, NamesAnotherConfigurationDirectory)
{
    EXPECT_EQ(print_command({Kind::Set, "a", "b", "", ""}, {"/etc/postfix-out", false}), "postconf -c '/etc/postfix-out' -e 'a = b'\n");
}

TEST(SetupPrint, QuotesForTheShell) { EXPECT_EQ(print_command({Kind::Set, "a", "it's $b", "", ""}, kPlain), "postconf -e 'a = it'\\''s $b'\n"); }

Change long_change()
{
    std::string value;
    for (int i = 0; i < 60; ++i) value += (i == 0 ? "" : ", ") + std::string{"10.0.0."} + std::to_string(i) + "/32";
    return {Kind::Set, "mynetworks", value, "Reason.", value};
}

TEST(SetupPrint, KeepsWithinEightyColumns)
{
    Plan plan;
    plan.changes.push_back(long_change());
    for (auto const line : base::split(print_plan(plan, kPlain), '\n')) EXPECT_LE(line.size(), 80U) << line;
}

TEST(SetupPrint, BreaksCommandsSoThatTheShellJoinsThem)
{
    auto const change = long_change();
    auto const command = print_command(change, kPlain);
    auto const arguments = run_program({"sh", "-c", "postconf() { printf '%s\\n' \"$#\" \"$2\"; }\n" + command});
    ASSERT_TRUE(arguments) << arguments.error().message;
    EXPECT_EQ(arguments->out, "2\nmynetworks = " + change.value + "\n");
}

TEST(SetupPrint, DimsCommentsOnlyWithColours)
{
    Plan plan;
    plan.changes.push_back({Kind::Set, "a", "b", "Because.", ""});
    EXPECT_EQ(print_plan(plan, {"/etc/postfix", true}), "\033[2m# Because.\n\033[0mpostconf -e 'a = b'\n\n");
}

TEST(RunProgram, TellsWhatAFailingProgramSaid)
{
    auto const failed = run_program({"sh", "-c", "echo why >&2; exit 3"});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "sh failed: why");
}

TEST(RunProgram, ReadsMuchFromBothStreams)
{
    auto const printed = run_program({"sh", "-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"});
    ASSERT_TRUE(printed);
    EXPECT_EQ(printed->out.size(), 300'000U);
    EXPECT_EQ(printed->err.size(), 300'000U);
}

TEST(RunProgram, SaysWhatToInstall)
{
    auto const missing = run_program({"no-such-program-here"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message, "no-such-program-here is not on this host; install Postfix (apt-get install postfix)");
}

}   // namespace
