// Bytes to and from a server that behaves, and that does not.

#include "core/net/stream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "core/base/clock.hpp"
#include "tests/unit/core/net/test_server.hpp"

namespace mailcore::net {
namespace {

using namespace std::chrono_literals;
using testing::Connection;
using testing::Identity;
using testing::make_authority;
using testing::make_identity;
using testing::TestServer;

auto soon() { return base::Stopwatch::now() + 10s; }   // nothing that is right waits that long
auto at_once() { return base::Stopwatch::now() + 50ms; }

StreamTarget target_of(TestServer const& server)
{
    StreamTarget target;
    target.host = "127.0.0.1";
    target.port = server.port();
    target.connect_timeout = 10s;
    return target;
}

std::unique_ptr<Stream> connected(StreamTarget const& target)
{
    auto stream = Stream::connect(target);
    if (!stream) throw std::runtime_error{stream.error().message};
    return std::move(*stream);
}

// The error's words; the server's host and port become HOST.
template <class Value>
std::string failure(base::Result<Value> const& result, std::uint16_t port)
{
    if (result) return "no failure";
    auto words = result.error().message;
    auto const name = "127.0.0.1:" + std::to_string(port);
    if (words.starts_with(name)) words.replace(0, name.size(), "HOST");
    return words;
}

std::string read_line(Stream& stream)
{
    std::string line;
    while (line.find('\n') == std::string::npos) {
        auto const read = stream.read_some(line, soon());
        if (!read) return read.error().message;
    }
    return line;
}

// Says back each line that it is told.
void echo(Connection& connection)
{
    for (auto line = connection.read_until("\n"); !line.empty(); line = connection.read_until("\n")) connection.write(line);
}

class StreamTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-stream-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        authority_ = make_authority();
        identity_ = make_identity("DNS:localhost,IP:127.0.0.1", &authority_);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string file_of(std::string const& text)
    {
        auto path = directory_ + "/ca.pem";
        std::ofstream{path} << text;
        return path;
    }
    StreamTarget tls_target(TestServer const& server, Identity const& trusted)
    {
        auto target = target_of(server);
        target.tls = true;
        target.ca_file = file_of(trusted.certificate);
        return target;
    }
    TestServer::Serve by_tls(TestServer::Serve serve, Identity const& identity)
    {
        return [serve = std::move(serve), &identity](Connection& connection) {
            if (connection.start_tls(identity)) serve(connection);
        };
    }

    std::string directory_;
    Identity authority_, identity_;
};

// ---- What goes right ----

TEST_F(StreamTest, CarriesBytesBothWays)
{
    TestServer const server{echo};
    auto const stream = connected(target_of(server));
    ASSERT_TRUE(stream->write("one\n", soon()));
    EXPECT_EQ(read_line(*stream), "one\n");
    ASSERT_TRUE(stream->write("two\n", soon()));
    EXPECT_EQ(read_line(*stream), "two\n");
    EXPECT_EQ(server.connections(), 1);
}

TEST_F(StreamTest, CarriesBytesByTls)
{
    TestServer const server{by_tls(echo, identity_)};
    auto const stream = connected(tls_target(server, authority_));
    ASSERT_TRUE(stream->write("one\n", soon()));
    EXPECT_EQ(read_line(*stream), "one\n");
    EXPECT_TRUE(stream->is_quiet());   // what TLS itself has sent after the handshake is no byte to us
    ASSERT_TRUE(stream->write("two\n", soon()));
    EXPECT_EQ(read_line(*stream), "two\n");
}

// More than the sockets' buffers hold, so that writing has to wait and reading comes in pieces.
TEST_F(StreamTest, CarriesMoreThanTheBuffersHold)
{
    std::string const much = std::string(20u << 20u, 'x') + "\n";
    for (bool const tls : {false, true}) {
        TestServer const server{tls ? by_tls(echo, identity_) : echo};
        auto const stream = connected(tls ? tls_target(server, authority_) : target_of(server));
        ASSERT_TRUE(stream->write(much, base::Stopwatch::now() + 60s));
        std::string back;
        while (back.size() < much.size()) ASSERT_TRUE(stream->read_some(back, base::Stopwatch::now() + 60s));
        EXPECT_TRUE(back == much);
    }
}

TEST_F(StreamTest, IsNotSentThroughAProxyOfTheEnvironment)
{
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    ::setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
    TestServer const server{echo};
    auto const stream = Stream::connect(target_of(server));
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    ASSERT_TRUE(stream) << stream.error().message;
    ASSERT_TRUE((*stream)->write("one\n", soon()));
    EXPECT_EQ(read_line(**stream), "one\n");
}

TEST_F(StreamTest, MayBeUsedByOneThreadAfterTheOther)
{
    TestServer const server{echo};
    auto const stream = connected(target_of(server));
    for (int i = 0; i < 4; ++i) {
        std::thread{[&] {
            EXPECT_TRUE(stream->write("hello\n", soon()));
            EXPECT_EQ(read_line(*stream), "hello\n");
        }}.join();
    }
}

// ---- Quiet or not ----

TEST_F(StreamTest, IsQuietUntilSomethingComes)
{
    std::promise<void> speak;
    TestServer const server{[&](Connection& connection) {
        speak.get_future().wait();
        connection.write("unasked\n");
        connection.wait_for_end();
    }};
    auto const stream = connected(target_of(server));
    EXPECT_TRUE(stream->is_quiet());
    speak.set_value();
    for (auto const deadline = soon(); stream->is_quiet() && base::Stopwatch::now() < deadline;) std::this_thread::yield();
    EXPECT_FALSE(stream->is_quiet());
    EXPECT_EQ(read_line(*stream), "unasked\n");   // looking took nothing away
    EXPECT_TRUE(stream->is_quiet());
}

TEST_F(StreamTest, IsNotQuietOnceTheServerHasClosed)
{
    for (bool const tls : {false, true}) {
        TestServer const server{tls ? by_tls([](Connection&) {}, identity_) : [](Connection&) {}};
        auto const stream = connected(tls ? tls_target(server, authority_) : target_of(server));
        for (auto const deadline = soon(); stream->is_quiet() && base::Stopwatch::now() < deadline;) std::this_thread::yield();
        EXPECT_FALSE(stream->is_quiet());
        std::string nothing;
        EXPECT_EQ(failure(stream->read_some(nothing, soon()), server.port()), "HOST: the server closed the connection");
    }
}

// ---- What goes wrong ----

TEST_F(StreamTest, SaysThatNobodyListens)
{
    StreamTarget target;
    target.host = "127.0.0.1";
    target.port = testing::unused_port();
    EXPECT_EQ(failure(Stream::connect(target), target.port), "HOST: Connection refused");
    target.host = "::1";
    EXPECT_EQ(Stream::connect(target).error().message.substr(0, 6), "[::1]:");
}

TEST_F(StreamTest, SaysWhatIsNoHost)
{
    for (auto const* const host : {"", "a b", "redis/0", "red\nis", "a@b", "[::1"}) {
        StreamTarget target;
        target.host = host;
        target.port = 1;
        auto const stream = Stream::connect(target);
        ASSERT_FALSE(stream);
        EXPECT_TRUE(stream.error().message.ends_with("is no host name")) << stream.error().message;
    }
}

TEST_F(StreamTest, SaysThatANameIsUnknown)
{
    StreamTarget target;
    target.host = "no-such-host.invalid";
    target.port = 1;
    target.connect_timeout = 10s;
    auto const stream = Stream::connect(target);
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().message, "no-such-host.invalid:1: Could not resolve host: no-such-host.invalid");
}

TEST_F(StreamTest, WaitsForATlsHandshakeNoLongerThanItMay)
{
    TestServer const server{[](Connection& connection) { connection.wait_for_end(); }};
    auto target = tls_target(server, authority_);
    target.connect_timeout = 100ms;
    EXPECT_EQ(failure(Stream::connect(target), server.port()), "HOST: no TLS connection within 100ms");
}

TEST_F(StreamTest, WaitsForAnAnswerNoLongerThanItMay)
{
    TestServer const server{[](Connection& connection) { connection.wait_for_end(); }};
    auto const stream = connected(target_of(server));
    ASSERT_TRUE(stream->write("hello\n", soon()));
    std::string nothing;
    EXPECT_EQ(failure(stream->read_some(nothing, at_once()), server.port()), "HOST: no answer in time");
}

TEST_F(StreamTest, WaitsForAServerThatDoesNotReadNoLongerThanItMay)
{
    std::promise<void> enough;
    TestServer const server{[&](Connection&) { enough.get_future().wait(); }};
    auto const stream = connected(target_of(server));
    auto const written = stream->write(std::string(64u << 20u, 'x'), at_once());
    EXPECT_EQ(failure(written, server.port()), "HOST: did not take what was sent in time");
    enough.set_value();
}

// A deadline that is over already: what has come is read nevertheless, since it was in time.
TEST_F(StreamTest, ReadsWhatHasComeBeforeItLooksAtTheClock)
{
    TestServer const server{[](Connection& connection) {
        connection.write("early\n");
        connection.wait_for_end();
    }};
    auto const stream = connected(target_of(server));
    for (auto const deadline = soon(); stream->is_quiet() && base::Stopwatch::now() < deadline;) std::this_thread::yield();
    std::string line;
    while (line.size() < 6) ASSERT_TRUE(stream->read_some(line, base::Stopwatch::now() - 1s));
    EXPECT_EQ(line, "early\n");
}

std::atomic<int> pipe_signals = 0;

TEST_F(StreamTest, RaisesNoSigpipeWhenTheServerHasGone)
{
    for (bool const tls : {false, true}) {
        TestServer const server{tls ? by_tls([](Connection&) {}, identity_) : [](Connection&) {}};
        auto const former = std::signal(SIGPIPE, [](int) { ++pipe_signals; });
        {
            auto const stream = connected(tls ? tls_target(server, authority_) : target_of(server));
            auto const deadline = soon();
            while (stream->write(std::string(4096, 'x'), soon()) && base::Stopwatch::now() < deadline) {}
            auto const written = stream->write("more", soon());
            EXPECT_TRUE(failure(written, server.port()).starts_with("HOST: ")) << failure(written, server.port());
        }   // TLS says goodbye here
        std::signal(SIGPIPE, former);
    }
    EXPECT_EQ(pipe_signals, 0);
}

// ---- Whom it trusts ----

TEST_F(StreamTest, RefusesACertificateOfAnUnknownAuthority)
{
    auto const other = make_authority("Another CA");
    TestServer const server{by_tls(echo, identity_)};
    EXPECT_EQ(failure(Stream::connect(tls_target(server, other)), server.port()),
              "HOST: SSL certificate problem: unable to get local issuer certificate");
    auto target = tls_target(server, other);
    target.ca_file = "";   // the system's store does not know our test's authority
    EXPECT_EQ(failure(Stream::connect(target), server.port()),
              "HOST: SSL certificate problem: unable to get local issuer certificate");
}

TEST_F(StreamTest, RefusesACertificateOfAnotherName)
{
    auto const identity = make_identity("DNS:redis.example", &authority_);
    TestServer const server{by_tls(echo, identity)};
    EXPECT_EQ(failure(Stream::connect(tls_target(server, authority_)), server.port()),
              "HOST: SSL: no alternative certificate subject name matches target host name '127.0.0.1'");
}

TEST_F(StreamTest, RefusesAServerThatSpeaksNoTls)
{
    TestServer const server{[](Connection& connection) {
        connection.write("-ERR what is this?\r\n");
        connection.wait_for_end();
    }};
    auto const words = failure(Stream::connect(tls_target(server, authority_)), server.port());
    EXPECT_NE(words.find("wrong version number"), std::string::npos) << words;
}

TEST_F(StreamTest, SaysThatTheAuthoritysFileIsMissing)
{
    TestServer const server{by_tls(echo, identity_)};
    auto target = tls_target(server, authority_);
    target.ca_file = directory_ + "/missing.pem";
    auto const words = failure(Stream::connect(target), server.port());
    EXPECT_NE(words.find(target.ca_file), std::string::npos) << words;
}

}   // namespace
}   // namespace mailcore::net
