// tests/testdata/bad-configs: each numbered case is NNN-name.yaml, or NNN-name/mailcore.yaml with its includes;
// NNN-name.expected holds every word of the answer, NNN-name.readme says why the case is there.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "core/config/load.hpp"
#include "tests/unit/core/config/files.hpp"

namespace mailcore::config {
namespace {

std::filesystem::path const kCases = std::filesystem::path{TESTDATA} / "bad-configs";

std::vector<std::string> case_names()
{
    std::set<std::string> names;
    for (auto const& entry : std::filesystem::directory_iterator{kCases}) names.insert(entry.path().stem().string());
    return {names.begin(), names.end()};
}

std::string input_of(std::string const& name)
{
    auto const folder = kCases / name;
    return std::filesystem::is_directory(folder) ? (folder / "mailcore.yaml").string() : folder.string() + ".yaml";
}

// Without the path to the sources, which differs from machine to machine.
std::string without_prefix(std::string text)
{
    auto const prefix = kCases.string() + '/';
    for (auto found = text.find(prefix); found != std::string::npos; found = text.find(prefix, found)) {
        text.erase(found, prefix.size());
    }
    return text;
}

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsRefusedInTheExpectedWords)
{
    Diagnostics problems;
    load(input_of(GetParam()), problems);
    auto const said = without_prefix(problems.text());
    auto const expected = kCases / (GetParam() + ".expected");
    if (rewriting()) write(expected, said);
    EXPECT_EQ(said, contents(expected));
    EXPECT_FALSE(said.empty());
}

TEST_P(BadConfig, SaysWhyItExists)
{
    EXPECT_FALSE(contents(kCases / (GetParam() + ".readme")).empty());
}

// "001-unknown-key" is no name for a test; "001_unknown_key" is.
std::string test_name(testing::TestParamInfo<std::string> const& info)
{
    auto name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Numbered, BadConfig, testing::ValuesIn(case_names()), test_name);

}   // namespace
}   // namespace mailcore::config
