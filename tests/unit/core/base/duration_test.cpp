#include "core/base/duration.hpp"

#include <gtest/gtest.h>

namespace mailcore::base {
namespace {

using namespace std::chrono_literals;

TEST(Duration, TakesEveryUnit)
{
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("10s").value(), 10s);
    EXPECT_EQ(parse_duration("10m").value(), 10min);
    EXPECT_EQ(parse_duration("24h").value(), 24h);
    EXPECT_EQ(parse_duration("90d").value(), 90 * 24h);
    EXPECT_EQ(parse_duration("2w").value(), 14 * 24h);
    EXPECT_EQ(parse_duration("0").value(), 0ms);
    EXPECT_EQ(parse_duration("0s").value(), 0ms);
}

TEST(Duration, RefusesTheRest)
{
    for (std::string_view const text : {"", "10", "s", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5h", "1h30m", "10S", "10min", "1y", "00x", "\n"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    EXPECT_EQ(parse_duration("10 minutes").error().message,
              "\"10 minutes\" is not a duration; write a number and ms, s, m, h, d or w, as in 10m");
}

TEST(Duration, StaysWhereClocksCanBeAddedToIt)
{
    EXPECT_EQ(parse_duration("36500d").value(), 36'500 * 24h);
    for (std::string_view const text : {"36501d", "9223372036854775807ms", "99999999999999999999s", "18446744073709551615ms", "5300w"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    EXPECT_EQ(parse_duration("36501d").error().message, "\"36501d\" is too long; at most 36500d");
}

TEST(Duration, IsPrintedInTheLargestUnitThatFits)
{
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(1ms), "1ms");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(90s), "90s");
    EXPECT_EQ(format_duration(10min), "10m");
    EXPECT_EQ(format_duration(24h), "1d");
    EXPECT_EQ(format_duration(90 * 24h), "90d");
    EXPECT_EQ(format_duration(14 * 24h), "14d");
    EXPECT_EQ(format_duration(25h), "25h");
}

TEST(Duration, ParsesWhatItPrints)
{
    for (auto const duration : {0ms, 1ms, 999ms, 1000ms, 60'000ms, 3'600'000ms, 86'400'000ms, 604'800'000ms}) {
        EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
    }
}

TEST(Size, TakesEveryUnit)
{
    EXPECT_EQ(parse_size("0").value(), 0u);
    EXPECT_EQ(parse_size("4096").value(), 4096u);
    EXPECT_EQ(parse_size("4096B").value(), 4096u);
    EXPECT_EQ(parse_size("1KiB").value(), 1024u);
    EXPECT_EQ(parse_size("25MiB").value(), 26'214'400u);
    EXPECT_EQ(parse_size("2GiB").value(), 2'147'483'648u);
    EXPECT_EQ(parse_size("1kB").value(), 1000u);
    EXPECT_EQ(parse_size("25MB").value(), 25'000'000u);
    EXPECT_EQ(parse_size("1GB").value(), 1'000'000'000u);
}

TEST(Size, RefusesTheRest)
{
    for (std::string_view const text : {"", "MiB", "25 MiB", "25mib", "25M", "-1", "1.5MiB", "9223372036854775808", "9007199254740992GiB", "1TiB"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
    EXPECT_EQ(parse_size("25M").error().message, "\"25M\" is not a size; write a number of bytes or with a unit, as in 25MiB");
}

TEST(Size, IsPrintedInTheLargestBinaryUnitThatFits)
{
    EXPECT_EQ(format_size(0), "0");
    EXPECT_EQ(format_size(1000), "1000");
    EXPECT_EQ(format_size(1024), "1KiB");
    EXPECT_EQ(format_size(26'214'400), "25MiB");
    EXPECT_EQ(format_size(26'214'401), "26214401");
    EXPECT_EQ(parse_size(format_size(26'214'400)).value(), 26'214'400u);
}

}   // namespace
}   // namespace mailcore::base
