#include "core/config/yaml.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace mailcore::config {
namespace {

struct Parsed {
    Diagnostics problems;
    Document document;
    explicit Parsed(std::string_view text) : document{Document::parse("t.yaml", text, problems)} {}
    Node const& operator[](std::string_view key) const
    {
        auto const* node = document.root().find(key);
        return node ? *node : document.root();
    }
};

// The first complaint, without the shown line.
std::string complaint(std::string_view text)
{
    Parsed const parsed{text};
    return parsed.problems.all().empty() ? "" : parsed.problems.text().substr(0, parsed.problems.text().find('\n'));
}

TEST(Yaml, KnowsWhereEachValueStands)
{
    Parsed const parsed{"log:\n  level: info\n  targets: [a, 'b']\n"};
    auto const& log = parsed["log"];
    EXPECT_EQ(log.key->line, 1);
    EXPECT_EQ(log.key->column, 1);
    EXPECT_EQ(parsed.document.position(*log.find("level")).text(), "t.yaml:2:10");
    auto const& list = *log.find("targets");
    EXPECT_EQ(parsed.document.position(list).text(), "t.yaml:3:12");
    EXPECT_EQ(parsed.document.position(*list.first).text(), "t.yaml:3:13");
    EXPECT_EQ(parsed.document.position(*list.first->next).text(), "t.yaml:3:16");
    EXPECT_TRUE(list.first->plain);
    EXPECT_FALSE(list.first->next->plain);
    EXPECT_TRUE(parsed.problems.all().empty());
}

TEST(Yaml, InterpretsNothing)
{
    Parsed const parsed{"a: off\nb: 0660\nc: 1e3\nd: 2026-11-21\ne: True\n"};
    EXPECT_EQ(parsed["a"].text, "off");
    EXPECT_EQ(parsed["b"].text, "0660");
    EXPECT_EQ(parsed["c"].text, "1e3");
    EXPECT_EQ(parsed["d"].text, "2026-11-21");
    EXPECT_EQ(parsed["e"].text, "True");
}

TEST(Yaml, TakesAKeyWithoutValueForNothing)
{
    Parsed const parsed{"a:\nb: ~\nc: null\nd: ''\n"};
    EXPECT_EQ(parsed["a"].kind, Node::Kind::Nothing);
    EXPECT_EQ(parsed["b"].kind, Node::Kind::Nothing);
    EXPECT_EQ(parsed["c"].kind, Node::Kind::Nothing);
    EXPECT_EQ(parsed["d"].kind, Node::Kind::Scalar);
    EXPECT_EQ(parsed.document.position(parsed["a"]).text(), "t.yaml:1:1");   // that of the key
}

TEST(Yaml, KeepsTheFirstOfDuplicateKeysAndReportsTheOthers)
{
    Parsed const parsed{"a: 1\nb: 2\na: 3\na: 4\n"};
    EXPECT_EQ(parsed["a"].text, "1");
    EXPECT_EQ(std::distance(parsed.document.root().begin(), parsed.document.root().end()), 2);
    EXPECT_EQ(parsed.problems.text(),
              "t.yaml:3:1: duplicate key \"a\"; first given at line 1\n"
              "t.yaml:4:1: duplicate key \"a\"; first given at line 1\n");
}

TEST(Yaml, FindsDuplicatesAmongManyKeys)
{
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + ": x\n";
    EXPECT_EQ(complaint(text), "");
    EXPECT_EQ(complaint(text + "key500: y\n"), "t.yaml:1001:1: duplicate key \"key500\"; first given at line 501");
}

TEST(Yaml, DoesNotTakeTheSameKeyInTwoMapsForADuplicate)
{
    EXPECT_EQ(complaint("a: {x: 1}\nb: {x: 1}\n"), "");
}

TEST(Yaml, RefusesAnUnclosedQuoteAtTheEnd)   // yaml-cpp 0.7 takes it as closed
{
    EXPECT_EQ(complaint("a: \"x\n"), "t.yaml:1:4: this quote is not closed");
    EXPECT_EQ(complaint("a: 'x\n"), "t.yaml:1:4: this quote is not closed");
    EXPECT_EQ(complaint("a: 'it''s\n"), "t.yaml:1:4: this quote is not closed");
    EXPECT_EQ(complaint("a: \"x\\\"\n"), "t.yaml:1:4: this quote is not closed");
    EXPECT_EQ(complaint("a: \"x\"\n"), "");
    EXPECT_EQ(complaint("a: 'it''s'\n"), "");
}

TEST(Yaml, NamesTheBracketThatIsNotClosed)
{
    EXPECT_EQ(complaint("a:\n  b: [1, {c: 2}\nd: 3\n"),
              "t.yaml:2:6: this [ is not closed by ], or a comma is missing, before line 3, column 1");
}

TEST(Yaml, GoesAsDeepAsAConfigurationMayBe)
{
    auto const nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_EQ(complaint(nested(32)), "");
    EXPECT_EQ(complaint(nested(33)), "t.yaml:1:33: nested deeper than 32 levels");
    EXPECT_NE(complaint(nested(100'000)), "");
}

TEST(Yaml, AllowsOneLineOfAFoldedPlainText)
{
    Parsed const parsed{"a: one\n  two\n"};
    EXPECT_EQ(parsed["a"].text, "one two");
}

// Every way to cut a file short ends in words, never in a crash; the sanitizers watch.
TEST(Yaml, SurvivesAnyTruncation)
{
    std::string const text =
        "networks: {a: [\"!10.0.0.0/8\", '::1']}\ntenants:\n  shop: {clients: [$a], ticket: {subject: '\\[#'}}\n"
        "rules:\n  - {name: \"a\\x41\", when: {not: {port: [25]}}}\n# end\n";
    for (std::size_t length = 0; length <= text.size(); ++length) complaint(text.substr(0, length));
}

TEST(Yaml, SurvivesAnyByteAnywhere)
{
    std::string const text = "a: [b, 'c', \"d\"]\ne: {f: g}\n- h\n";
    for (std::size_t place = 0; place < text.size(); ++place) {
        for (int byte = 0; byte < 256; ++byte) {
            auto changed = text;
            changed[place] = static_cast<char>(byte);
            complaint(changed);
        }
    }
}

TEST(Yaml, RefusesBombsQuickly)
{
    for (std::string const unit :
         {"[", "{", "- ", "? ", ": ", "a: ", "{a: ", "&a ", "! ", "[{", "\"", "'", "%\n", "---\n", "*a ", "!<"}) {
        std::string text;
        while (text.size() < 100'000) text += unit;
        EXPECT_NE(complaint(text), "") << unit;
    }
}

}   // namespace
}   // namespace mailcore::config
