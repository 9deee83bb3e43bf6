#include "core/base/text.hpp"

#include <array>
#include <gtest/gtest.h>

namespace mailcore::base {
namespace {

std::string json(std::string_view text)
{
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(Text, LowersAsciiOnly)
{
    EXPECT_EQ(lower("AbZ@[`{Ü"), "abz@[`{Ü");
    std::string out = "A";
    append_lower(out, "BÜC");
    EXPECT_EQ(out, "AbÜc") << "what was there stays";
    EXPECT_TRUE(equal_ignoring_case("Message-ID", "message-id"));
    EXPECT_FALSE(equal_ignoring_case("Message-ID", "message-i"));
    EXPECT_FALSE(equal_ignoring_case("a[", "A{"));
    EXPECT_TRUE(equal_ignoring_case("", ""));
}

TEST(Text, KnowsLettersAndDigitsWithoutLocale)
{
    for (char const c : std::string_view{"azAZ09"}) EXPECT_TRUE(is_alnum(c)) << c;
    for (char const c : std::string_view{"@[`{/:_-\xE9"}) EXPECT_FALSE(is_alnum(c)) << c;
}

TEST(Text, KnowsPrintableAscii)
{
    for (char const c : std::string_view{" ~aZ0"}) EXPECT_TRUE(is_printable_ascii(c)) << c;
    for (char const c : std::string_view{"\x1f\x7f\x80\xff\n\t"}) EXPECT_FALSE(is_printable_ascii(c)) << static_cast<int>(c);
    EXPECT_FALSE(is_printable_ascii('\0'));
}

TEST(Text, Trims)
{
    EXPECT_EQ(trim(" \t\r\na b\n "), "a b");
    EXPECT_EQ(trim("a"), "a");
    EXPECT_EQ(trim(" \t "), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Text, SplitsAtEverySeparator)
{
    EXPECT_EQ(split("a,b", ','), (std::vector<std::string_view>{"a", "b"}));
    EXPECT_EQ(split(",a,,b,", ','), (std::vector<std::string_view>{"", "a", "", "b", ""}));
    EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Text, JoinsWhatItSplit)
{
    for (std::string_view const text : {"a,b", ",a,,b,", "", ",", "a"}) EXPECT_EQ(join(split(text, ','), ","), text);
    EXPECT_EQ(join({}, ", "), "");
}

TEST(Text, FindsTheNearestWord)
{
    constexpr std::array<std::string_view, 4> words{"reject", "pass", "defer", "hold"};
    EXPECT_EQ(nearest("rejct", words), "reject");
    EXPECT_EQ(nearest("rejcet", words), "reject");
    EXPECT_EQ(nearest("Pass", words), "pass");
    EXPECT_EQ(nearest("accept-everything", words), "");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest("x", {}), "");
}

TEST(JsonString, EscapesWhatItMust)
{
    EXPECT_EQ(json("plain"), "\"plain\"");
    EXPECT_EQ(json("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(json("\n\r\t\x01\x1f\x7f"), R"("\n\r\t\u0001\u001f\u007f")");
    EXPECT_EQ(json(std::string_view{"a\0b", 3}), R"("a\u0000b")");
    EXPECT_EQ(json(""), "\"\"");
}

TEST(JsonString, KeepsUtf8)
{
    for (std::string_view const text : {"ü", "€", "💩", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80"}) {
        EXPECT_EQ(json(text), "\"" + std::string{text} + "\"");
    }
}

TEST(JsonString, ReplacesWhatIsNotUtf8)
{
    std::string const bad = "\xEF\xBF\xBD";
    EXPECT_EQ(json("\xFF"), "\"" + bad + "\"");
    EXPECT_EQ(json("a\xC3"), "\"a" + bad + "\"");
    EXPECT_EQ(json("\xC3z"), "\"" + bad + "z\"");
    EXPECT_EQ(json("\xC0\x80"), "\"" + bad + bad + "\"") << "overlong";
    EXPECT_EQ(json("\xE0\x80\x80"), "\"" + bad + bad + bad + "\"") << "overlong";
    EXPECT_EQ(json("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"") << "a surrogate";
    EXPECT_EQ(json("\xF4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"") << "beyond U+10FFFF";
    EXPECT_EQ(json("\xC3\"x"), "\"" + bad + "\\\"x\"") << "a quote is never swallowed";
}

TEST(JsonString, IsAppended)
{
    std::string out = "{\"a\":";
    append_json_string(out, "b");
    EXPECT_EQ(out, "{\"a\":\"b\"");
}

TEST(JsonString, KnowsWhatNeedsNoEscaping)
{
    for (int position = 0; position < 20; ++position) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string text(20, 'x');
            text[static_cast<std::size_t>(position)] = static_cast<char>(byte);
            bool const plain = byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
            EXPECT_EQ(is_plain_json(text), plain) << byte << " at " << position;
            EXPECT_EQ(is_plain_json(text.substr(static_cast<std::size_t>(position), 1)), plain) << byte;
        }
    }
    EXPECT_TRUE(is_plain_json({}));
}

TEST(Printable, HidesControlAndEightBit) { EXPECT_EQ(printable("a\x1b[2J\nü"), "a?[2J???"); }

}   // namespace
}   // namespace mailcore::base
