#include "core/mail/header_from.hpp"

#include <gtest/gtest.h>

#include "core/mail/message.hpp"
#include "tests/unit/core/mail/corpus.hpp"

namespace mailcore::mail {
namespace {

std::string describe(HeaderFrom const& from)
{
    switch (from.state) {
        case HeaderFrom::State::None: return "none\n";
        case HeaderFrom::State::Malformed: return "malformed\n";
        case HeaderFrom::State::One:
            return "one " + std::string{from.address.local()} + "@" + std::string{from.address.domain()} + "\n";
    }
    return "";
}

HeaderFrom from_of(std::string_view value)
{
    HeaderFrom from;
    from.add_field(value);
    return from;
}

TEST(HeaderFrom, Corpus)
{
    test::check_corpus("header-from", "header", 120, [](std::string const& header) {
        Message message;
        for (auto const& field : test::split_header(header)) message.add_header(field.name, field.value, HeaderNames{});
        return describe(message.from);
    });
}

TEST(HeaderFrom, KeepsTheAddressAsWritten)
{
    EXPECT_EQ(from_of("Anna <Anna.Example@Example.ORG>").address.text(), "Anna.Example@Example.ORG");
}

TEST(HeaderFrom, HoldsNoAddressUnlessThereIsOne)
{
    HeaderFrom from;
    EXPECT_EQ(from.address.kind(), Address::Kind::Absent);
    from.add_field("a@example.org");
    EXPECT_EQ(from.address, Address{"a@example.org"});
    from.add_field("b@example.org");
    EXPECT_EQ(from.address.kind(), Address::Kind::Absent);
    EXPECT_EQ(from_of("a@exa!mple.org").address.kind(), Address::Kind::Absent);
}

TEST(HeaderFrom, StaysMalformedUntilCleared)
{
    auto from = from_of("nobody");
    from.add_field("a@example.org");
    EXPECT_EQ(from.state, HeaderFrom::State::Malformed);
    from.clear();
    EXPECT_EQ(from.state, HeaderFrom::State::None);
    from.add_field("a@example.org");
    EXPECT_EQ(from.state, HeaderFrom::State::One);
}

TEST(HeaderFrom, CommentsNestToTheirBound)
{
    auto const nested = [](int depth) {
        return "a@example.org " + std::string(static_cast<std::size_t>(depth), '(') + std::string(static_cast<std::size_t>(depth), ')');
    };
    EXPECT_EQ(from_of(nested(HeaderFrom::kMaxCommentDepth)).state, HeaderFrom::State::One);
    EXPECT_EQ(from_of(nested(HeaderFrom::kMaxCommentDepth + 1)).state, HeaderFrom::State::Malformed);
}

TEST(HeaderFrom, ReadsAValueOfTheGreatestLength)
{
    std::string const around = "a@example.org ()";
    auto const padded = [&](std::size_t size) {
        return "a@example.org (" + std::string(size - around.size(), 'x') + ")";
    };
    EXPECT_EQ(from_of(padded(HeaderFrom::kMaxValue)).state, HeaderFrom::State::One);
    EXPECT_EQ(from_of(padded(HeaderFrom::kMaxValue + 1)).state, HeaderFrom::State::Malformed);
}

TEST(HeaderFrom, EveryCutOfAGoodValueIsMalformedOrAnAddressItHolds)
{
    std::string const value = "\"Anna, Example\" (one (two)) =?utf-8?q?J=C3=B6rg?= <anna.example@example.org> (end)";
    for (std::size_t size = 0; size < value.size(); ++size) {
        auto const from = from_of(std::string_view{value}.substr(0, size));
        if (from.state != HeaderFrom::State::One) continue;
        EXPECT_EQ(from.address, Address{"anna.example@example.org"}) << size;
    }
}

}   // namespace
}   // namespace mailcore::mail
