#include <gtest/gtest.h>

#include "outcomes/log/postfix_line.hpp"
#include "tests/unit/outcomes/log/host_zone.hpp"

// What a line's time means is a corpus too: cases 107 to 110 of tests/testdata/postfix-logs.

namespace mailcore::outcomes {
namespace {

base::Time at(std::string_view text) { return base::parse_time(text).value(); }

std::string read(LogClock& clock, std::string_view line)
{
    base::Time time{};
    return clock.read(line, time) ? base::format_time(time) : "none";
}

TEST(LogClock, TakesTheTimeAndOneBlankOff)
{
    LogClock clock{at("2026-12-31T00:00:00Z")};
    base::Time time{};
    for (std::string_view line : {"2026-08-24T19:15:44.5Z  mx1 x", "Aug 24 19:15:44  mx1 x"}) {
        ASSERT_TRUE(clock.read(line, time));
        EXPECT_EQ(line, " mx1 x");
    }
}

TEST(LogClock, LeavesALineWithoutTimeAsItIs)
{
    LogClock clock{at("2026-12-31T00:00:00Z")};
    base::Time time{};
    for (std::string_view const line : {"", "2026-08-24T19:15:44", "2026-08-24T19:15:44Zmx1 x", "Aug 24 19:15:44", "postfix/qmgr[1]: 4jWYs717qcz8lWc: removed"}) {
        auto rest = line;
        EXPECT_FALSE(clock.read(rest, time)) << line;
        EXPECT_EQ(rest, line);
    }
}

TEST(LogClock, ReadsTheSameTextAnewForAnotherReference)
{
    test::HostZone const zone{"UTC"};
    LogClock clock{at("2025-06-01T00:00:00Z")};
    EXPECT_EQ(read(clock, "Nov 22 05:00:01 mx1 x"), "2024-11-22T05:00:01Z");
    clock.set_reference(at("2025-12-01T00:00:00Z"));
    EXPECT_EQ(read(clock, "Nov 22 05:00:01 mx1 x"), "2025-11-22T05:00:01Z");
}

TEST(LogClock, TakesALinePerhapsADayAheadButNotMore)
{
    test::HostZone const zone{"UTC"};
    LogClock clock{at("2026-06-01T12:00:00Z")};
    EXPECT_EQ(read(clock, "Jun  2 12:00:00 mx1 x"), "2026-06-02T12:00:00Z");
    EXPECT_EQ(read(clock, "Jun  2 12:00:01 mx1 x"), "2025-06-02T12:00:01Z");
}

TEST(LogClock, ReadsTheHostsZone)
{
    struct Row {
        char const* zone;
        char const* time;
    };
    constexpr Row kRows[] = {
        {"UTC", "2026-08-24T19:15:44Z"},
        {"Europe/Berlin", "2026-08-24T17:15:44Z"},
        {"America/St_Johns", "2026-08-24T21:45:44Z"},
        {"Asia/Kolkata", "2026-08-24T13:45:44Z"},
    };
    for (auto const& row : kRows) {
        test::HostZone const zone{row.zone};
        LogClock clock{at("2026-08-25T00:00:00Z")};
        EXPECT_EQ(read(clock, "Aug 24 19:15:44 mx1 x"), row.time) << row.zone;
    }
}

}   // namespace
}   // namespace mailcore::outcomes
