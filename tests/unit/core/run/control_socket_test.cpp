// mailcorectl's line to a running daemon.

#include "core/run/control_socket.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>

namespace mailcore::run {
namespace {

class ControlSocketTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-ctl-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        path_ = control_path(directory_, "mailcore-test");
        auto opened = ControlSocket::open(path_, {{"hello", [](std::string const&) { return base::Result<std::string>{R"({"ok":true})"}; }},
                                                  {"fail", [](std::string const&) -> base::Result<std::string> { return base::fail("line 1:\n\"bad\""); }},
                                                  {"throw", [](std::string const&) -> base::Result<std::string> { throw std::runtime_error{"bug"}; }}});
        ASSERT_TRUE(opened) << opened.error().message;
        socket_ = std::move(*opened);
    }
    void TearDown() override
    {
        socket_.reset();
        std::filesystem::remove_all(directory_);
    }
    std::string call(std::string const& request) const
    {
        auto const answer = call_control_socket(path_, request);
        return answer ? *answer : answer.error().message;
    }
    std::string directory_;
    std::string path_;
    std::unique_ptr<ControlSocket> socket_;
};

TEST_F(ControlSocketTest, AnswersCommandsOneLineEach)
{
    EXPECT_EQ(path_, directory_ + "/mailcore-test.ctl");
    EXPECT_EQ(call(R"({"command":"hello"})"), R"({"ok":true})");
    EXPECT_EQ(call(R"({"command":"fail"})"), R"({"error":"line 1:\n\"bad\"","ok":false})");
}

TEST_F(ControlSocketTest, SurvivesWhatIsNoCommand)
{
    EXPECT_NE(call("nonsense").find("\"ok\":false"), std::string::npos);
    EXPECT_NE(call("[]").find("\"ok\":false"), std::string::npos);
    EXPECT_NE(call(R"({"command":7})").find("\"ok\":false"), std::string::npos);
    EXPECT_NE(call(R"({"command":"unheard-of"})").find("knows no such command"), std::string::npos);
    EXPECT_NE(call(std::string(100'000, 'x')).find("longer than"), std::string::npos);
    EXPECT_EQ(call(R"({"command":"throw"})"), R"({"error":"bug","ok":false})");
    EXPECT_EQ(call(R"({"command":"hello"})"), R"({"ok":true})");
}

TEST_F(ControlSocketTest, AnswersOtherCommandsBesideOneThatTakesItsTime)
{
    std::promise<void> may_end;
    auto const path = control_path(directory_, "mailcore-slow");
    auto const waits = [&](auto const&) -> base::Result<std::string> {
        may_end.get_future().wait();
        return std::string{R"({"ok":true,"slow":true})"};
    };
    auto const opened = ControlSocket::open(path, {{"long", waits}, {"short", [](auto const&) { return base::Result<std::string>{"{}"}; }}}, {"long"});
    ASSERT_TRUE(opened) << opened.error().message;
    auto slow = std::async(std::launch::async, [&] { return call_control_socket(path, R"({"command":"long"})"); });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(call_control_socket(path, R"({"command":"short"})").value(), "{}");
    may_end.set_value();
    EXPECT_EQ(slow.get().value(), R"({"ok":true,"slow":true})");
}

TEST_F(ControlSocketTest, IsForItsUserAndGroupOnlyAndGoesWithItsDaemon)
{
    auto const mode = std::filesystem::status(path_).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
    socket_.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_EQ(call("{}").find("cannot reach " + path_), 0u);
}

TEST_F(ControlSocketTest, IsNotTakenFromALiveDaemon)
{
    auto const second = ControlSocket::open(path_, {});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("another process already serves this socket"), std::string::npos);
}

}   // namespace
}   // namespace mailcore::run
