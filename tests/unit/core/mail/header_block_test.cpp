#include "core/mail/header_block.hpp"

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace mailcore::mail {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Parts {
    Fields fields;
    std::string body;
};

Parts parts_of(std::string_view message)
{
    Parts parts;
    auto const body = for_each_header(message, [&](std::string_view name, std::string_view value) { parts.fields.emplace_back(name, value); });
    EXPECT_LE(body, message.size());
    parts.body = message.substr(body);
    return parts;
}

TEST(HeaderBlock, GivesEachFieldAndTheBody)
{
    auto const parts = parts_of("From: a@example.org\nSubject: x\n\nbody\nmore\n");
    EXPECT_EQ(parts.fields, (Fields{{"From", "a@example.org"}, {"Subject", "x"}}));
    EXPECT_EQ(parts.body, "body\nmore\n");
}

TEST(HeaderBlock, TakesBothLineEnds)
{
    auto const parts = parts_of("From: a@example.org\r\nSubject: x\r\n y\r\n\r\nbody\r\n");
    EXPECT_EQ(parts.fields, (Fields{{"From", "a@example.org"}, {"Subject", "x\r\n y"}}));
    EXPECT_EQ(parts.body, "body\r\n");
}

TEST(HeaderBlock, KeepsFoldsAndAllBlanksButOne)
{
    EXPECT_EQ(parts_of("A:  b\n\tc\nD:e\nF:\n g\n").fields, (Fields{{"A", " b\n\tc"}, {"D", "e"}, {"F", "\n g"}}));
}

TEST(HeaderBlock, EndsAtTheFirstEmptyLine)
{
    EXPECT_EQ(parts_of("A: b\n\nC: d\n").fields, (Fields{{"A", "b"}}));
    EXPECT_EQ(parts_of("\nA: b\n").fields, Fields{});
}

TEST(HeaderBlock, ABodyThatBeginsWithABlankIsNoHeader)
{
    auto const parts = parts_of("A: b\n\n text\nX-KeyBuzz-Stamp: forged\n");
    EXPECT_EQ(parts.fields, (Fields{{"A", "b"}}));
    EXPECT_EQ(parts.body, " text\nX-KeyBuzz-Stamp: forged\n");
    EXPECT_EQ(parts_of("A: b\r\n\r\n\ttext\r\nC: d\r\n").fields, (Fields{{"A", "b"}}));
}

TEST(HeaderBlock, PassesOverWhatIsNoField)
{
    EXPECT_EQ(parts_of("From anna Mon Nov 21 01:00:00 2026\nA: b\nno colon here\nC: d\n").fields, (Fields{{"A", "b"}, {"C", "d"}}));
}

TEST(HeaderBlock, ToleratesBlanksBeforeTheColon) { EXPECT_EQ(parts_of("A \t: b\n").fields, (Fields{{"A", "b"}})); }

TEST(HeaderBlock, TakesAMessageWithoutBodyOrEnd)
{
    EXPECT_EQ(parts_of("A: b").fields, (Fields{{"A", "b"}}));
    EXPECT_EQ(parts_of("A: b\n").body, "");
    EXPECT_EQ(parts_of("").fields, Fields{});
}

}   // namespace
}   // namespace mailcore::mail
