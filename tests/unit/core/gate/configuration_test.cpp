// tests/testdata/bad-limit-stores: configurations with which no daemon could start, for what they say of limits.store. Each
// numbered case is NNN-name.yaml; NNN-name.expected holds every word of the answer, NNN-name.readme says why it is there.
// MAILCORE_REWRITE=1 writes what is expected anew, for review.

#include "core/gate/configuration.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <sys/stat.h>

namespace mailcore::gate {
namespace {

std::filesystem::path const kCases = std::filesystem::path{TESTDATA} / "bad-limit-stores";

std::string contents(std::filesystem::path const& path)
{
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string said_of(std::string const& path)
{
    config::Diagnostics problems;
    read_configuration(path, problems);
    auto text = problems.text();
    auto const name = std::filesystem::path{path}.filename().string();
    for (auto at = text.find(path); at != std::string::npos; at = text.find(path, at + name.size())) text.replace(at, path.size(), name);
    return text;
}

std::set<std::string> case_names()
{
    std::set<std::string> names;
    for (auto const& entry : std::filesystem::directory_iterator{kCases}) names.insert(entry.path().stem().string());
    return names;
}

TEST(BadLimitStore, IsRefusedInTheExpectedWordsAndShowsNoPassword)
{
    for (auto const& name : case_names()) {
        SCOPED_TRACE(name);
        auto const said = said_of((kCases / (name + ".yaml")).string());
        if (std::getenv("MAILCORE_REWRITE") != nullptr) std::ofstream{kCases / (name + ".expected")} << said;
        EXPECT_EQ(said, contents(kCases / (name + ".expected")));
        EXPECT_EQ(said.find("hunter2"), std::string::npos);
        EXPECT_FALSE(said.empty());
        EXPECT_FALSE(contents(kCases / (name + ".readme")).empty());
        EXPECT_FALSE(read_configuration((kCases / (name + ".yaml")).string()));
    }
    EXPECT_GE(case_names().size(), 6u);
}

// A folder that vanishes.
class LimitStoreConfiguration : public testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-configuration-test-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string path(std::string const& name) const { return folder_ + "/" + name; }
    std::string written(std::string const& limits) const
    {
        std::ofstream{path("mailcore.yaml")} << "stamp: {keys_file: \"\"}\nlimits: " << limits << "\ntenants: {}\n";
        return path("mailcore.yaml");
    }
    std::string folder_;
};

TEST_F(LimitStoreConfiguration, ThatCanBeOpenedIsFineWhetherOrNotItsServerRuns)
{
    std::ofstream{path("password")} << "hunter2\n";
    ::chmod(path("password").c_str(), 0640);
    for (auto const& limits : {std::string{"{}"}, std::string{"{store: \"lmdb:/var/lib/mailcore/elsewhere\"}"}, std::string{"{store: \"rediss://:x@h:1/2\"}"},
                               "{store: \"redis://mailcore@127.0.0.1:1\", password_file: " + path("password") + "}"}) {
        auto const read = read_configuration(written(limits));
        EXPECT_TRUE(read) << read.error().message;
    }
}

TEST_F(LimitStoreConfiguration, WhosePasswordEverybodyCanReadIsRefused)
{
    std::ofstream{path("password")} << "hunter2\n";
    ::chmod(path("password").c_str(), 0644);
    auto const said = said_of(written("{store: \"redis://127.0.0.1\", password_file: " + path("password") + "}"));
    EXPECT_NE(said.find("\nmailcore.yaml:2:53: limits.password_file: " + path("password") + " can be read by every user of this host; chmod 0640 it\n"), std::string::npos) << said;
}

}   // namespace
}   // namespace mailcore::gate
