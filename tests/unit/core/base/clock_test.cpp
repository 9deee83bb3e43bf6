#include "core/base/clock.hpp"

#include <gtest/gtest.h>

namespace mailcore::base {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

Time time(std::int64_t since_epoch) { return Time{seconds{since_epoch}}; }

TEST(TimeText, IsRfc3339)
{
    EXPECT_EQ(format_time(time(0)), "1970-01-01T00:00:00Z");
    EXPECT_EQ(parse_time("2018-03-22T02:24:06.945319214Z"), time(1'521'685'446) + std::chrono::microseconds{945'319});
    EXPECT_EQ(parse_time("2018-03-22T02:24:06Z"), time(1'521'685'446));
    EXPECT_EQ(parse_time("2018-03-22T04:24:06.5+02:00"), time(1'521'685'446) + std::chrono::microseconds{500'000});
    EXPECT_EQ(parse_time("2018-03-22"), time(1'521'676'800));
}

TEST(TimeText, ThatIsNoneIsNoTime)
{
    for (auto const* text : {"", "yesterday", "2018-13-01", "2018-03-22T", "2018-03-22T25:00:00Z", "2018-03-22T02:24:06.Z", "2018-03-22T02:24:06+2"}) {
        EXPECT_FALSE(parse_time(text)) << text;
    }
}

TEST(TimeText, IsStrict)
{
    auto const day = sys_days{2026y / November / 21};
    EXPECT_EQ(parse_time("2026-11-21T01:02:03Z"), Time{day + 1h + 2min + 3s});
    EXPECT_EQ(parse_time("2026-11-21T01:02:03.5Z"), Time{day + 1h + 2min + 3500ms});
    EXPECT_EQ(parse_time("2026-11-21T01:02:03.945319214Z"), Time{day + 1h + 2min + 3s + 945'319us});
    EXPECT_EQ(parse_time("2026-11-21T01:02:03.000001+01:30"), Time{day - 28min + 3s + 1us});
    EXPECT_EQ(parse_time("2026-11-20T19:02:03-06:00"), Time{day + 1h + 2min + 3s});
    EXPECT_TRUE(parse_time("2024-02-29t00:00:00z"));
    for (auto const* bad : {"", "2026-11-21 01:02:03Z", "2026-11-21T01:02:03", "2026-11-21T01:02:03.Z",
                            "2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T01:02:03.0123456789Z",
                            "-026-11-21T01:02:03Z", "2026-11-21T01:02:03Zx"}) {
        EXPECT_FALSE(parse_time(bad)) << bad;
    }
}

}   // namespace
}   // namespace mailcore::base
