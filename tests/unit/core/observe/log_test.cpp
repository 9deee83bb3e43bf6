// Events as JSON lines or text.

#include "core/observe/log.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace mailcore::observe {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

class LogTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-log-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        path_ = directory_ + "/log";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string first_line() const
    {
        std::string line;
        std::getline(std::ifstream{path_}, line);
        return line;
    }

    std::string directory_;
    std::string path_;
};

TEST_F(LogTest, WritesOneJsonObjectAnEvent)
{
    auto log = Log::open("mailcore-policy", "info", "json", path_);
    ASSERT_TRUE(log) << log.error().message;
    log->write(events::kRulesReloaded, {{"path", "a \"quoted\"\npath"}, {"tenants", 12}});
    auto const line = nlohmann::json::parse(first_line());
    EXPECT_EQ(line["event"], "rules_reloaded");
    EXPECT_EQ(line["level"], "info");
    EXPECT_EQ(line["daemon"], "mailcore-policy");
    EXPECT_EQ(line["path"], "a \"quoted\"\npath");
    EXPECT_EQ(line["tenants"], 12);
    EXPECT_TRUE(line["time"].get<std::string>().ends_with("Z"));
}

TEST_F(LogTest, WritesTextForPeople)
{
    auto log = Log::open("mailcore-policy", "info", "text", path_);
    log->write(events::kStarted, {{"listen", "unix:/x"}, {"tenants", 12}});
    EXPECT_THAT(first_line(), EndsWith("Z info mailcore-policy: started listen=\"unix:/x\" tenants=12"));
}

TEST_F(LogTest, KeepsQuietBelowItsLevel)
{
    auto log = Log::open("mailcore-policy", "error", "json", path_);
    log->write(events::kRulesReloaded);
    EXPECT_EQ(first_line(), "");
    log->write(events::kReloadFailed);
    EXPECT_NE(first_line(), "");
}

TEST_F(LogTest, GoesOnInANewFileAfterRotation)
{
    auto log = Log::open("mailcore-policy", "info", "json", path_);
    log->write(events::kStarted);
    std::filesystem::rename(path_, path_ + ".1");
    log->reopen();
    log->write(events::kStopped);
    EXPECT_NE(first_line().find("stopped"), std::string::npos);
}

TEST_F(LogTest, IsNotReadableByEveryone)
{
    auto log = Log::open("mailcore-policy", "info", "json", path_);
    auto const mode = std::filesystem::status(path_).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
}

TEST_F(LogTest, SaysWhatItCannotOpen)
{
    auto const log = Log::open("mailcore-policy", "info", "json", directory_ + "/no/such");
    ASSERT_FALSE(log);
    EXPECT_THAT(log.error().message, StartsWith("log.target: cannot open " + directory_ + "/no/such"));
}

TEST(Events, HaveDifferentNamesAndAMeaning)
{
    std::set<std::string_view> names;
    for (auto const* event : events::all()) {
        EXPECT_TRUE(names.insert(event->name).second) << event->name;
        EXPECT_FALSE(event->meaning.empty()) << event->name;
    }
}

}   // namespace
}   // namespace mailcore::observe
