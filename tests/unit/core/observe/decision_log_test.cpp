// The ring and the thread behind the decision log: every line, whole, in order, also under pressure.

#include "core/observe/decision_log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

namespace mailcore::observe {
namespace {

TEST(ByteRing, GivesBackWhatWentInRecordByRecord)
{
    ByteRing ring{256};
    std::string out;
    for (int round = 0; round < 1000; ++round) {   // many times around
        std::string const record(static_cast<std::size_t>(round % 60), static_cast<char>('a' + round % 26));
        ASSERT_TRUE(ring.try_write(record)) << round;
        out.clear();
        ring.drain(out, 1000);
        ASSERT_EQ(out, record) << round;
    }
    EXPECT_TRUE(ring.empty());
}

TEST(ByteRing, SaysWhenItIsFullAndLosesNothing)
{
    ByteRing ring{256};
    int written = 0;
    while (ring.try_write("0123456789")) ++written;
    EXPECT_EQ(written, 10);   // 24 bytes each: a header of 8, the text rounded up to 16
    std::string out;
    ring.drain(out, 1000);
    EXPECT_EQ(out.size(), 100u);
    EXPECT_TRUE(ring.try_write("0123456789"));
}

struct Directory {
    Directory()
    {
        char name[] = "/tmp/mailcore-log-test-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path;
};

Log quiet_log(std::string const& path) { return std::move(*Log::open("test", "info", "json", path)); }

TEST(DecisionLog, WritesEveryLineOfEveryThreadInItsThreadsOrder)
{
    Directory const directory;
    auto log = quiet_log(directory.path + "/log");
    constexpr int kThreads = 4;
    constexpr int kLines = 20'000;   // far more than the ring holds
    {
        auto const decisions = std::move(*DecisionLog::open(directory.path + "/decisions", log));
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
            threads.emplace_back([&decisions, t] {
                for (int i = 0; i < kLines; ++i) {
                    decisions->write(std::to_string(t) + " " + std::to_string(i) + " " + std::string(static_cast<std::size_t>(i % 300), 'x') + "\n");
                }
            });
        }
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(decisions->lines(), static_cast<std::uint64_t>(kThreads) * kLines);
    }
    std::ifstream file{directory.path + "/decisions"};
    std::map<int, int> next;
    int t = 0;
    int i = 0;
    for (std::string line; std::getline(file, line);) {
        ASSERT_EQ(std::sscanf(line.c_str(), "%d %d", &t, &i), 2) << line;
        ASSERT_EQ(i, next[t]) << "thread " << t;
        ASSERT_TRUE(line.ends_with(std::string(static_cast<std::size_t>(i % 300), 'x'))) << line;
        ++next[t];
    }
    for (int thread = 0; thread < kThreads; ++thread) EXPECT_EQ(next[thread], kLines);
}

TEST(DecisionLog, GoesOnInANewFileAfterRotation)
{
    Directory const directory;
    auto log = quiet_log(directory.path + "/log");
    auto const path = directory.path + "/decisions";
    {
        auto const decisions = std::move(*DecisionLog::open(path, log));
        decisions->write("one\n");
        while (std::filesystem::file_size(path) == 0) std::this_thread::yield();
        std::filesystem::rename(path, path + ".1");
        decisions->reopen();
        while (!std::filesystem::exists(path)) std::this_thread::yield();
        decisions->write("two\n");
    }
    std::string text;
    std::getline(std::ifstream{path}, text);
    EXPECT_EQ(text, "two");
    std::getline(std::ifstream{path + ".1"}, text);
    EXPECT_EQ(text, "one");
}

TEST(DecisionLog, AFullDiskMakesWritersWaitAndLosesNothingWhenSpaceReturns)
{
    Directory const directory;
    auto log = quiet_log(directory.path + "/log");
    auto const path = directory.path + "/decisions";
    std::filesystem::create_symlink("/dev/full", path);   // every write fails with ENOSPC
    constexpr int kLines = 3'000;
    {
        auto const decisions = std::move(*DecisionLog::open(path, log));
        std::thread writer{[&] {
            for (int i = 0; i < kLines; ++i) decisions->write(std::string(500, 'x') + "\n");   // more than the ring holds
        }};
        auto const has_failed = [&] { return std::filesystem::exists(directory.path + "/log") && std::filesystem::file_size(directory.path + "/log") > 0; };
        while (decisions->waits() == 0 || !has_failed()) std::this_thread::sleep_for(std::chrono::milliseconds{10});
        std::filesystem::remove(path);
        decisions->reopen();
        writer.join();
    }
    EXPECT_EQ(std::filesystem::file_size(path), kLines * 501u);
    std::string event;
    std::getline(std::ifstream{directory.path + "/log"}, event);
    EXPECT_NE(event.find("\"event\":\"decision_log_failed\""), std::string::npos) << event;
    EXPECT_NE(event.find("No space left on device"), std::string::npos) << event;
}

TEST(DecisionLog, CanBeOff)
{
    Directory const directory;
    auto log = quiet_log(directory.path + "/log");
    auto const decisions = std::move(*DecisionLog::open("", log));
    decisions->write("nothing\n");
    EXPECT_EQ(decisions->lines(), 0u);
}

TEST(DecisionLog, SaysWhatItCannotOpen)
{
    Directory const directory;
    auto log = quiet_log(directory.path + "/log");
    auto const opened = DecisionLog::open(directory.path + "/no/such/directory", log);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message, "decision_log: cannot open " + directory.path + "/no/such/directory: No such file or directory");
}

}   // namespace
}   // namespace mailcore::observe
