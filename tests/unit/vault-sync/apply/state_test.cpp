#include "vault-sync/apply/state.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace mailcore::vault_sync {
namespace {

class StateTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-state-test-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    StateStore store() const
    {
        StateStore made{folder_ + "/state"};
        EXPECT_TRUE(made.prepare());
        return made;
    }
    std::string folder_;
};

base::Time time(std::int64_t seconds) { return base::Time{std::chrono::seconds{seconds}}; }

TEST_F(StateTest, IsReadBackAsItWasWritten)
{
    State state;
    state.active = "ses";
    state.secrets["primary"] = {"ab12", time(1'795'000'000), time(1'790'000'000), 30, "vault", "secret/p", 7, true, "works"};
    state.refused["ses"] = {"cd34", time(1'795'000'100), "535 5.7.8 no"};
    state.hold = Hold{{{"primary", {"ef", "01"}}}, {"23"}, 5, time(1'795'000'200), true};
    state.last_switch = Switch{4, 5, time(1'795'000'150), {"primary"}, {"4jWYs7"}};
    state.reload_owed = 5;
    state.flush_owed = true;
    state.rolled_back = {3, 5};
    state.last_success = time(1'795'000'000);
    state.source = "vault";
    state.complaints["ses"] = "ses: \"quoted\"\nand more";
    state.overdue_told["primary"] = time(1'795'000'000);

    ASSERT_TRUE(store().save(state));
    auto const loaded = store().load();
    ASSERT_TRUE(loaded);
    EXPECT_EQ(*loaded, state);
}

TEST_F(StateTest, IsThatOfAFirstRunWhereThereIsNoFile) { EXPECT_EQ(store().load().value(), State{}); }

TEST_F(StateTest, IsPrivate)
{
    ASSERT_TRUE(store().save({}));
    struct stat about {};
    ::stat((folder_ + "/state").c_str(), &about);
    EXPECT_EQ(about.st_mode & 0777, 0700u);
    ::stat((folder_ + "/state/state.json").c_str(), &about);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(StateTest, DamageIsNamedWithItsCure)
{
    auto const made = store();
    for (auto const* text : {"", "{", "[]", "{\"secrets\": 7}", "{\"hold\": {\"values\": []}}"}) {
        std::ofstream{folder_ + "/state/state.json"} << text;
        auto const loaded = made.load();
        ASSERT_FALSE(loaded) << text;
        EXPECT_EQ(loaded.error().message, folder_ + "/state/state.json is no state that vault-sync wrote; remove it to go on: what `use` and "
                                                    "`rollback` set, and the ages of secrets, start anew");
    }
}

TEST_F(StateTest, ADirectoryThatOthersCouldWriteToIsRefused)
{
    std::filesystem::create_directory(folder_ + "/state");
    ::chmod((folder_ + "/state").c_str(), 0777);
    auto const prepared = StateStore{folder_ + "/state"}.prepare();
    ASSERT_FALSE(prepared);
    EXPECT_EQ(prepared.error().message, folder_ + "/state could be written by others: chown root " + folder_ + "/state and chmod 0700 " +
                                            folder_ + "/state");
}

TEST_F(StateTest, TheLockIsHeldByOneAndNamesIt)
{
    auto const made = store();
    auto first = made.lock();
    ASSERT_TRUE(first);
    auto const second = made.lock(std::chrono::milliseconds{100});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "vault-sync (process " + std::to_string(::getpid()) + ") is at work since more than 0 s; try again when it has ended");
    *first = Lock{};
    EXPECT_TRUE(made.lock(std::chrono::milliseconds{100}));
}

TEST_F(StateTest, ALockIsWaitedFor)
{
    auto const made = store();
    auto first = std::optional{made.lock().value()};
    std::thread ends{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
        first.reset();
    }};
    EXPECT_TRUE(made.lock(std::chrono::seconds{10}));
    ends.join();
}

}   // namespace
}   // namespace mailcore::vault_sync
