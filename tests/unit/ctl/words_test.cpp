// Times and sizes as people read them.

#include <gtest/gtest.h>

#include "ctl/print.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using namespace std::chrono_literals;

namespace {

TEST(Words, TellADistanceInTwoUnits)
{
    struct Case {
        std::chrono::seconds distance;
        char const* words;
        char const* note;
    };
    for (auto const& [distance, words, note] : std::initializer_list<Case>{
             {0s, "0 s", "nothing"},
             {1s, "1 s", ""},
             {59s, "59 s", ""},
             {60s, "1 m", "no second unit where it is 0"},
             {61s, "1 m 1 s", ""},
             {3'599s, "59 m 59 s", ""},
             {3h + 5min, "3 h 5 m", ""},
             {3h + 5min + 1s, "3 h 6 m", "rounded up: who comes back then does not come in vain"},
             {24h - 1s, "1 d", "rounded up into the next unit"},
             {51h + 59min + 30s, "2 d 4 h", ""},
             {48h, "2 d", ""},
             {24h * 36'500, "36500 d", "the longest there is"}}) {
        EXPECT_EQ(in_words(distance), words) << note;
    }
}

TEST(Words, TellWhen)
{
    base::Time const now{1'000'000s};
    EXPECT_EQ(when(now, now), "now");
    EXPECT_EQ(when(now - 1h, now), "now");
    EXPECT_EQ(when(now + 1us, now), "in 1 s");
    EXPECT_EQ(when(now + 12s, now), "in 12 s");
}

TEST(Words, TellSizes)
{
    struct Case {
        std::uint64_t bytes;
        char const* words;
    };
    for (auto const& [bytes, words] : std::initializer_list<Case>{
             {0, "0 B"}, {1023, "1023 B"}, {1024, "1 KiB"}, {1536, "1.5 KiB"}, {25u << 20u, "25 MiB"}, {1'234'567'890, "1.1 GiB"}}) {
        EXPECT_EQ(human_size(bytes), words);
    }
}

TEST(Words, TellTheMinuteOfATime)
{
    EXPECT_EQ(minute_of("2026-11-22T05:00:12Z"), "2026-11-22 05:00 UTC");
    EXPECT_EQ(minute_of("whatever"), "whatever");
}

TEST(Words, OfAnOperatorKeepTheirLanguageAndLoseWhatATerminalObeys)
{
    EXPECT_EQ(shown("Mi\u00dfbrauch \u2013 Ticket 4711"), "Mi\u00dfbrauch \u2013 Ticket 4711");
    EXPECT_EQ(shown("a\033[31mb\nc\x7F"), "a?[31mb?c?");
    EXPECT_EQ(shown("\u009b31m\xff"), "?31m?");
}

TEST(Words, AreBrokenBetweenLines)
{
    EXPECT_EQ(wrapped("one two three four", 4, 12), "one two\n    three\n    four");
    EXPECT_EQ(wrapped("one two three four", 4, 13), "one two\n    three\n    four");
    EXPECT_EQ(wrapped("one two three four", 4, 14), "one two\n    three four");
    EXPECT_EQ(wrapped("unbreakable words", 4, 8), "unbreakable\n    words");
    EXPECT_EQ(wrapped("one two", 4, 0), "one two");
    EXPECT_EQ(wrapped("", 4, 80), "");
}

TEST(Words, Count)
{
    EXPECT_EQ(counted(0, "message"), "0 messages");
    EXPECT_EQ(counted(1, "message"), "1 message");
}

}   // namespace
