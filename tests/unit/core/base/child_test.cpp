#include "core/base/child.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include "core/base/fd.hpp"

namespace mailcore::base {
namespace {

using namespace std::chrono_literals;

ChildResult shell(std::string const& script, ChildOptions const& options = {})
{
    auto result = run_child({"sh", "-c", script}, options);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : ChildResult{-1, "", ""};
}

TEST(Child, TellsStatusAndBothStreams)
{
    auto const result = shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(result.status, 3);
    EXPECT_EQ(result.out, "out\n");
    EXPECT_EQ(result.err, "err\n");
    EXPECT_EQ(shell("kill -9 $$").status, 128 + SIGKILL);
}

TEST(Child, SeesACleanEnvironmentOnly)
{
    ::setenv("VAULT_TOKEN", "hvs.secret", 1);
    auto const result = run_child({"/usr/bin/env"}, {.environment = {"MAIL_CONFIG=/etc/postfix"}});
    ::unsetenv("VAULT_TOKEN");
    EXPECT_EQ(result->out, "MAIL_CONFIG=/etc/postfix\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\n");
    EXPECT_EQ(run_child({"env"}, {.environment = {"LANG=C.UTF-8", "PATH=/bin"}})->out, "LANG=C.UTF-8\nPATH=/bin\n");
}

TEST(Child, GetsNoDescriptorButItsStreams)
{
    Fd const ours{::open("/etc/passwd", O_RDONLY)};   // without O_CLOEXEC, as a careless library opens one
    ASSERT_TRUE(ours);
    // 3 is the directory that ls reads.
    EXPECT_EQ(run_child({"ls", "/proc/self/fd"})->out, "0\n1\n2\n3\n");
    EXPECT_EQ(run_child({"ls", "/proc/self/fd"}, {.input = "x"})->out, "0\n1\n2\n3\n");
}

TEST(Child, ReadsDevNullWithoutInput) { EXPECT_EQ(shell("readlink /proc/$$/fd/0; cat").out, "/dev/null\n"); }

TEST(Child, GetsItsInputWhole)
{
    std::string const much(1'000'000, 'x');
    EXPECT_EQ(shell("cat", {.input = much}).out, much);
    EXPECT_EQ(shell("cat /dev/stdin", {.input = "a line\n"}).out, "a line\n");   // a socket could not be opened so
}

TEST(Child, MayLeaveItsInputUnread)
{
    std::string const much(1'000'000, 'x');
    ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);   // so this test dies if writing raises it
    EXPECT_EQ(shell("exec 0<&-; exit 4", {.input = much}).status, 4);
    EXPECT_EQ(shell("exec 0<&-; echo on; sleep 0.1; echo on", {.input = much}).out, "on\non\n");
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
}

TEST(Child, MayFillBothStreams)
{
    auto const result = shell("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero");
    EXPECT_EQ(result.out.size(), 300'000u);
    EXPECT_EQ(result.err.size(), 300'000u);
}

TEST(Child, IsHeardToTheEndButKeptToTheLimit)
{
    auto const result = shell("head -c 300000 /dev/zero; echo end >&2", {.most_output = 20'000});
    EXPECT_EQ(result.out.size(), 20'000u);
    EXPECT_EQ(result.err, "end\n");
}

TEST(Child, HasDefaultSignalsWhateverWeBlockAndIgnore)
{
    std::thread{[] {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        auto* const former = ::signal(SIGPIPE, SIG_IGN);
        // The last 31 signals; 32 and 33 are glibc's own.
        auto const status = shell("sed -nE 's/^(Sig(Blk|Ign)):.*(.{8})$/\\1 \\3/p' /proc/self/status").out;
        EXPECT_EQ(status.substr(0, 16), "SigBlk 00000000\n");
        EXPECT_TRUE(status.ends_with("SigIgn 80000000\n") || status.ends_with("SigIgn 00000000\n")) << status;
        EXPECT_EQ(shell("kill -TERM $$; echo still here").status, 128 + SIGTERM);
        ::signal(SIGPIPE, former);
    }}.join();
}

TEST(Child, IsKilledWithItsGroupWhenTheTimeIsUp)
{
    char directory[] = "/tmp/mailcore-child-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    auto const mark = std::string{directory} + "/survived";
    auto const started = std::chrono::steady_clock::now();
    auto const result =
        run_child({"sh", "-c", "trap '' TERM; (sleep 0.6; touch " + mark + ") & sleep 30"}, {.timeout = 200ms});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "/usr/bin/sh did not end within 200ms and was killed");
    EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
    std::this_thread::sleep_for(800ms);
    EXPECT_NE(::access(mark.c_str(), F_OK), 0);   // the one in the background died, too
    ::rmdir(directory);
}

TEST(Child, IsKilledThoughItPrintsWithoutEnd)
{
    auto const result = run_child({"yes"}, {.timeout = 200ms});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "/usr/bin/yes did not end within 200ms and was killed");
}

TEST(Child, IsNotWaitedForByWhatItLeavesInTheBackground)
{
    auto const started = std::chrono::steady_clock::now();
    EXPECT_EQ(shell("echo done; sleep 3 &").out, "done\n");
    EXPECT_LT(std::chrono::steady_clock::now() - started, 2s);
}

TEST(Child, WorksWhereOurOwnStreamsAreClosed)
{
    // Pipes then get the numbers 0 to 2 themselves.
    EXPECT_EXIT(
        {
            ::close(0);
            ::close(1);
            auto const result = run_child({"sh", "-c", "cat; echo err >&2"}, {.input = "text"});
            ::_exit(result && result->out == "text" && result->err == "err\n" ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), "");
}

TEST(Child, RunsFromManyThreads)
{
    std::array<std::thread, 8> threads;
    for (auto& thread : threads) {
        thread = std::thread{[] {
            for (int i = 0; i < 5; ++i) EXPECT_EQ(shell("cat", {.input = "text"}).out, "text");
        }};
    }
    for (auto& thread : threads) thread.join();
}

TEST(Child, SaysWhatCannotBeRun)
{
    EXPECT_EQ(run_child({}).error().message, "no program was named");
    EXPECT_EQ(run_child({"no-such-program"}).error().message,
              "cannot run no-such-program: it is not in /usr/sbin:/usr/bin:/sbin:/bin");
    EXPECT_EQ(run_child({"bin/sh"}).error().message, "cannot run \"bin/sh\": give its absolute path, or its bare name");
    EXPECT_EQ(run_child({"/no/such"}).error().message, "cannot run /no/such: No such file or directory");
    EXPECT_EQ(run_child({"/etc/passwd"}).error().message, "cannot run /etc/passwd: Permission denied");
}

}   // namespace
}   // namespace mailcore::base
