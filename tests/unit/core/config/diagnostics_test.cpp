#include "core/config/diagnostics.hpp"

#include <gtest/gtest.h>

namespace mailcore::config {
namespace {

Position at(std::string const& file, int line, int column)
{
    return {std::make_shared<std::string const>(file), line, column};
}

TEST(Position, IsFileLineAndColumn)
{
    EXPECT_EQ(at("a.yaml", 3, 7).text(), "a.yaml:3:7");
    EXPECT_EQ(at("a.yaml", 0, 0).text(), "a.yaml");
    EXPECT_EQ(Position{}.text(), "configuration");
}

TEST(Diagnostics, HoldErrorsOnlyWhenOneIsAnError)
{
    Diagnostics problems;
    problems.warning(at("a.yaml", 1, 1), "odd");
    EXPECT_FALSE(problems.has_errors());
    problems.error(at("a.yaml", 1, 1), "wrong");
    EXPECT_TRUE(problems.has_errors());
}

TEST(Diagnostics, SayThatAWarningIsOne)
{
    Diagnostics problems;
    problems.warning(at("a.yaml", 1, 2), "odd");
    EXPECT_EQ(problems.text(), "a.yaml:1:2: warning: odd\n");
}

TEST(Diagnostics, ComeInOrderOfFileLineAndColumn)
{
    Diagnostics problems;
    problems.error(at("b.yaml", 1, 1), "5");
    problems.error(at("a.yaml", 10, 1), "4");
    problems.error(at("a.yaml", 2, 9), "3");
    problems.error(at("a.yaml", 2, 1), "2");
    problems.error(at("a.yaml", 0, 0), "1");
    EXPECT_EQ(problems.text(), "a.yaml: 1\na.yaml:2:1: 2\na.yaml:2:9: 3\na.yaml:10:1: 4\nb.yaml:1:1: 5\n");
}

TEST(Diagnostics, SayTheSameThingOnce)
{
    Diagnostics problems;
    problems.error(at("a.yaml", 1, 1), "wrong");
    problems.error(at("a.yaml", 1, 1), "wrong");
    EXPECT_EQ(problems.text(), "a.yaml:1:1: wrong\n");
}

TEST(Diagnostics, ShowTheLineWithACaret)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "first\n  second\nthird");
    problems.error(at("a.yaml", 2, 3), "wrong");
    problems.error(at("a.yaml", 3, 1), "wrong too");
    EXPECT_EQ(problems.text(),
              "a.yaml:2:3: wrong\n"
              "    2 |   second\n"
              "      |   ^\n"
              "a.yaml:3:1: wrong too\n"
              "    3 | third\n"
              "      | ^\n");
}

TEST(Diagnostics, ShowTheRightLinesOfSeveralFiles)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "in a\n");
    problems.remember_source("b.yaml", "in b\n");
    problems.error(at("b.yaml", 1, 4), "wrong");
    problems.error(at("a.yaml", 1, 4), "wrong");
    EXPECT_EQ(problems.text(),
              "a.yaml:1:4: wrong\n    1 | in a\n      |    ^\n"
              "b.yaml:1:4: wrong\n    1 | in b\n      |    ^\n");
}

TEST(Diagnostics, PutTheCaretBehindTheLastLineOfAFileThatEndsEarly)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "only line\n");
    problems.error(at("a.yaml", 2, 1), "ends too early");
    problems.error(at("a.yaml", 9, 80), "beyond");
    EXPECT_EQ(problems.text(),
              "a.yaml:2:1: ends too early\n    2 | \n      | ^\n"
              "a.yaml:9:80: beyond\n    9 | \n      | ^\n");
}

TEST(Diagnostics, KeepTabsSoThatTheCaretFits)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "a:\tb\tc\n");
    problems.error(at("a.yaml", 1, 6), "wrong");
    EXPECT_EQ(problems.text(), "a.yaml:1:6: wrong\n    1 | a:\tb\tc\n      |   \t \t^\n");
}

TEST(Diagnostics, CountACharacterOfSeveralBytesAsOneBlank)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "größe: x\n");
    problems.error(at("a.yaml", 1, 10), "wrong");
    EXPECT_EQ(problems.text(), "a.yaml:1:10: wrong\n    1 | größe: x\n      |        ^\n");
}

TEST(Diagnostics, HideAPasswordWhateverItHoldsAndNothingBehindItsValue)
{
    struct Case {
        char const *line, *shown;
    };
    for (auto const& one : {
             Case{R"(a: {u: "https://u:p}w@h/", n: "a@b"})", R"(a: {u: "https://*****@h/", n: "a@b"})"},
             Case{R"(u: "https://u:p\"w@h/" # by a@b)", R"(u: "https://******@h/" # by a@b)"},
             Case{R"(u: 'https://u:p''w"@h/' # by a@b)", R"(u: 'https://*******@h/' # by a@b)"},
             Case{R"(u: https://u:p'w,"x@h/ # by a@b)", R"(u: https://********@h/ # by a@b)"},
             Case{R"(u: "https://u:p w@h/)", R"(u: "https://*****@h/)"},
             Case{R"(a: {u: https://h/x, n: "a@b"})", R"(a: {u: https://h/x, n: "a@b"})"},
         }) {
        Diagnostics problems;
        problems.remember_source("a.yaml", one.line);
        problems.error(at("a.yaml", 1, 1), "wrong");
        EXPECT_EQ(problems.text(), "a.yaml:1:1: wrong\n    1 | " + std::string{one.shown} + "\n      | ^\n");
    }
}

TEST(Diagnostics, CutALongLineAroundTheCaret)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", std::string(1000, 'x') + '!' + std::string(1000, 'y'));
    problems.error(at("a.yaml", 1, 1001), "wrong");
    EXPECT_EQ(problems.text(), "a.yaml:1:1001: wrong\n    1 | ..." + std::string(100, 'x') + '!' +
                                   std::string(59, 'y') + "...\n      |    " + std::string(100, ' ') + "^\n");
}

TEST(Diagnostics, NeverCutACharacterInTwo)
{
    std::string line;
    for (int i = 0; i < 300; ++i) line += "ü";
    Diagnostics problems;
    problems.remember_source("a.yaml", line);
    for (int column = 1; column <= 600; ++column) problems.error(at("a.yaml", 1, column), "wrong");
    EXPECT_EQ(problems.text().find('?'), std::string::npos);
}

TEST(Diagnostics, DoNotLetAFileWriteToTheTerminal)
{
    Diagnostics problems;
    problems.remember_source("a.yaml", "\x1b[2J\xc2\x9b\x7f x\r\n");
    problems.error(at("a.yaml", 1, 9), "wrong \x1b[31m");
    EXPECT_EQ(problems.text(), "a.yaml:1:9: wrong ?[31m\n    1 | ?[2J?? x\n      |        ^\n");
}

TEST(Shown, ShortensALongText)
{
    EXPECT_EQ(in_quotes("short"), "\"short\"");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), '"' + std::string(80, 'x') + "...\"");
    EXPECT_EQ(shown("tab\tand\nline"), "tab and?line");
}

}   // namespace
}   // namespace mailcore::config
