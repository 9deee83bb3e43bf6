// tests/testdata/bad-vault-sync: each numbered case is NNN-name.yaml, whose first line says why it is there;
// NNN-name.expected holds every word of the answer.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/core/config/files.hpp"
#include "vault-sync/config/load.hpp"

namespace mailcore::vault_sync {
namespace {

using config::contents;

std::filesystem::path const kCases = std::filesystem::path{TESTDATA} / "bad-vault-sync";

std::vector<std::string> case_names()
{
    std::set<std::string> names;
    for (auto const& entry : std::filesystem::directory_iterator{kCases}) names.insert(entry.path().stem().string());
    return {names.begin(), names.end()};
}

// Under its bare name: the path to the sources differs from machine to machine.
std::string said_of(std::string const& name)
{
    config::Diagnostics problems;
    load_settings_text(name + ".yaml", contents(kCases / (name + ".yaml")), problems);
    return problems.text();
}

class BadVaultSyncConfig : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override { ::unsetenv("SMTP_VAULT_PATH"); }
};

TEST_P(BadVaultSyncConfig, IsToldInTheExpectedWords)   // MAILCORE_REWRITE=1 writes them anew
{
    auto const said = said_of(GetParam());
    auto const expected = kCases / (GetParam() + ".expected");
    if (config::rewriting()) config::write(expected, said);
    EXPECT_EQ(said, contents(expected));
    EXPECT_FALSE(said.empty());
}

TEST_P(BadVaultSyncConfig, SaysWhyItExists)
{
    EXPECT_TRUE(contents(kCases / (GetParam() + ".yaml")).starts_with("# "));
}

// "001-unknown-key" is no name for a test; "001_unknown_key" is.
std::string test_name(testing::TestParamInfo<std::string> const& info)
{
    auto name = info.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Numbered, BadVaultSyncConfig, testing::ValuesIn(case_names()), test_name);

}   // namespace
}   // namespace mailcore::vault_sync
