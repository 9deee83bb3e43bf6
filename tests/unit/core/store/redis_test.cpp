// The pool against a real redis-server in every state that an operator may find one in, and against servers that only
// seem to be a Redis.

#include "core/store/redis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/clock.hpp"
#include "tests/unit/core/net/test_server.hpp"
#include "tests/unit/core/store/redis_server.hpp"

namespace mailcore::store {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::address_of;
using testing::Connection;
using testing::RedisServer;
using testing::TestServer;

// ---- The address ----

std::string taken_apart(std::string const& url)
{
    auto const address = RedisAddress::parse(url);
    if (!address) return address.error().message;
    return address->shown() + " user=" + address->user + " password=" + std::string{address->password.reveal()};
}

TEST(RedisAddress, IsTakenApart)
{
    struct Case {
        std::string url, parts;
    };
    for (auto const& one : {
             Case{"redis://10.0.0.5", "redis://10.0.0.5:6379/0 user= password="},
             Case{"redis://10.0.0.5:6380/3", "redis://10.0.0.5:6380/3 user= password="},
             Case{"rediss://redis.example/", "rediss://redis.example:6379/0 user= password="},
             Case{"REDIS://redis.example", "redis://redis.example:6379/0 user= password="},
             Case{"redis://[::1]", "redis://[::1]:6379/0 user= password="},
             Case{"redis://[2001:db8::1]:6380/1", "redis://[2001:db8::1]:6380/1 user= password="},
             Case{"redis://:geheim@h", "redis://h:6379/0 user= password=geheim"},
             Case{"redis://mailcore:geheim@h:1/2", "redis://h:1/2 user=mailcore password=geheim"},
             Case{"redis://mailcore@h", "redis://h:6379/0 user=mailcore password="},   // the password is set apart
             Case{"redis://:a%2Fb%40c%3ad:e@h", "redis://h:6379/0 user= password=a/b@c:d:e"},
             Case{"redis://m%C3%BCller:x@h", "redis://h:6379/0 user=m\xC3\xBCller password=x"},
         }) {
        EXPECT_EQ(taken_apart(one.url), one.parts) << one.url;
    }
}

TEST(RedisAddress, SaysWhatIsWrongAndNoPassword)
{
    std::string const form = "the address of the Redis is not redis://[[user]:password@]host[:port][/db]: ";
    std::string const port = "what stands behind the host's colon is no port (1 to 65535); a login stands before the host, as in user:password@host";
    std::string const database = "what stands behind the host's slash is no number of a database";
    struct Case {
        std::string url, words;
    };
    for (auto const& one : {
             Case{"", "a Redis is named as redis://[[user]:password@]host[:port][/db], with TLS as rediss://…"},
             Case{"redis:hunter2@h", "a Redis is named as redis://[[user]:password@]host[:port][/db], with TLS as rediss://…"},
             Case{"unix:///run/redis.sock", "a Redis is named as redis://[[user]:password@]host[:port][/db], with TLS as rediss://…"},
             Case{"redis://", form + "it names no host"},
             Case{"redis:///0", form + "it names no host"},
             Case{"redis://:hunter2@", form + "it names no host"},
             Case{"redis://:hunter2@:6379", form + "it names no host"},
             Case{"redis://:hunter2@h:0", form + port},
             Case{"redis://:hunter2@h:65536", form + port},
             Case{"redis://:hunter2@h:", form + port},
             Case{"redis://h:6379x", form + port},
             Case{"redis://h/one", form + database},
             Case{"redis://h/-1", form + database},
             Case{"redis://h/0?timeout=1", form + "nothing is known of options behind ? or #"},
             Case{"redis://::1", form + "an IPv6 address stands in brackets: redis://[::1]:6379"},
             Case{"redis://[::1", form + "the bracket before the host is not closed"},
             Case{"redis://[::1]6379", form + "only a port may follow the host's bracket"},
             // The host was forgotten: what looks like a port is the password, or a part of it.
             Case{"redis://mailcore:hunter2", form + port},
             Case{"redis://mailcore:6379/hunter2", form + database},
             // What is not encoded must not be taken for a host or a port, and shown.
             Case{"redis://:hun/ter2@h", form + "the login before the @ holds one of / ? # @; write them as %2F %3F %23 %40"},
             Case{"redis://:hunter2@ter2@h", form + "the login before the @ holds one of / ? # @; write them as %2F %3F %23 %40"},
             Case{"redis://:hunter2%@h", form + "the login before the @ holds a % that two hexadecimal digits must follow"},
             Case{"redis://:hunter2%zz@h", form + "the login before the @ holds a % that two hexadecimal digits must follow"},
             Case{"redis://:hunter2%00@h", form + "the login before the @ holds a % that two hexadecimal digits must follow"},
             Case{"redis://:hunter 2@h", "the address of the Redis holds a character that no URL has"},
             Case{"redis://h\xC3\xA9", "the address of the Redis holds a character that no URL has"},
         }) {
        EXPECT_EQ(taken_apart(one.url), one.words) << one.url;
        EXPECT_THAT(taken_apart(one.url), Not(HasSubstr("ter2"))) << one.url;
    }
}

// ---- A language for what follows ----

// What the pool answers, in words; lists in brackets.
std::string shown(RedisReply const& reply)
{
    switch (reply.kind) {
        case RedisReply::Kind::Nil: return "nil";
        case RedisReply::Kind::Integer: return std::to_string(reply.integer);
        case RedisReply::Kind::Text: return reply.text;
        case RedisReply::Kind::List: break;
    }
    std::string text = "[";
    for (auto const& one : reply.list) text += (text.size() > 1 ? " " : "") + shown(one);
    return text + "]";
}

std::string shown(base::Result<RedisReply> const& reply) { return reply ? shown(*reply) : reply.error().message; }

std::string say(RedisPool& pool, std::initializer_list<std::string_view> words)
{
    return shown(pool.call({words.begin(), words.size()}));
}

std::string probe(RedisPool& pool)
{
    auto const probed = pool.probe();
    return probed ? "back" : probed.error().message;
}

// The server's address becomes HOST.
std::string nameless(std::string text, std::uint16_t port)
{
    auto const name = "127.0.0.1:" + std::to_string(port);
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name)) text.replace(at, name.size(), "HOST");
    return text;
}

std::uint64_t connections_to(RedisServer const& server)
{
    auto const statistics = server.say({"INFO", "stats"});
    return std::stoull(statistics.substr(statistics.find("total_connections_received:") + 27));
}

// Reads commands, and says of each what it is told to; one connection after the other tells the same.
TestServer::Serve fake(std::vector<std::string> answers)
{
    return [answers = std::move(answers)](Connection& connection) {
        for (auto const& answer : answers) {
            auto const count = connection.read_line();   // "*3"
            if (count.empty()) return;
            for (int i = std::stoi(count.substr(1)); i > 0; --i) {
                connection.read_line();   // "$4"
                connection.read_line();
            }
            connection.write(answer);
        }
        connection.wait_for_end();
    };
}

RedisAddress address_of(TestServer const& server) { return testing::address_of("redis://" + server.host_and_port()); }

// ---- What goes right ----

TEST(RedisPool, GivesEveryKindOfReply)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    EXPECT_EQ(pool.shown(), server.url());
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(say(pool, {"SET", "a", std::string_view{"x\0\r\ny", 5}}), "OK");
    EXPECT_EQ(say(pool, {"GET", "a"}), std::string("x\0\r\ny", 5));
    EXPECT_EQ(say(pool, {"GET", "b"}), "nil");
    EXPECT_EQ(say(pool, {"INCRBY", "n", "-9007199254740993"}), "-9007199254740993");
    EXPECT_EQ(say(pool, {"EVAL", "return {1, {'two', {}}, false, redis.error_reply('HM three')}", "0"}), "[1 [two []] nil HM three]");
}

TEST(RedisPool, KeepsItsConnections)
{
    RedisServer const server;
    auto const before = connections_to(server);
    RedisPool pool{address_of(server.url())};
    for (int i = 0; i < 100; ++i) ASSERT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(connections_to(server) - before, 2u);   // the pool's, and the one that asks here
}

TEST(RedisPool, KeepsNoMoreConnectionsThanItMay)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url()), 3};
    auto const in_use = [&] {
        auto const statistics = server.say({"INFO", "clients"});
        return std::stoul(statistics.substr(statistics.find("connected_clients:") + 18)) - 1;   // without the one that asks
    };
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(say(pool, {"BLPOP", "nothing", "0.2"}), "nil"); });
    for (auto& thread : threads) thread.join();
    auto const deadline = base::Stopwatch::now() + 10s;   // the server notices an end in its own time
    while (in_use() > 3 && base::Stopwatch::now() < deadline) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(in_use(), 3u);
}

TEST(RedisPool, IsSafeFromManyThreads)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url()), 4};
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            for (int k = 0; k < 300; ++k) {
                auto const text = std::to_string(i) + "/" + std::to_string(k);
                EXPECT_EQ(say(pool, {"ECHO", text}), text);   // and nobody else's
                EXPECT_NE(say(pool, {"INCR", "counter"}), "0");
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(say(pool, {"GET", "counter"}), "2400");
}

TEST(RedisPool, UsesTheDatabaseThatIsNamed)
{
    RedisServer const server;
    auto address = address_of(server.url());
    address.database = 7;
    RedisPool pool{std::move(address)};
    EXPECT_EQ(say(pool, {"SET", "a", "seven"}), "OK");
    EXPECT_EQ(server.say({"DBSIZE"}), "0");
    EXPECT_THAT(server.say({"INFO", "keyspace"}), HasSubstr("db7:keys=1"));
}

TEST(RedisPool, SaysAnErrorReplyAndIsNotAwayForIt)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    EXPECT_EQ(say(pool, {"LPUSH", "list", "a"}), "1");
    EXPECT_EQ(say(pool, {"INCR", "list"}), server.url() + ": WRONGTYPE Operation against a key holding the wrong kind of value");
    EXPECT_FALSE(pool.is_away());
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
}

// ---- Scripts ----

TEST(RedisPool, RunsAScriptInOneRoundTripByItsHash)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    std::string const script = "return {KEYS[1], ARGV[1], ARGV[2]}";
    std::array<std::string, 1> const keys{"key"};
    std::array<std::string, 2> const arguments{"one", "two"};
    for (int i = 0; i < 10; ++i) EXPECT_EQ(shown(pool.run_script(script, keys, arguments)), "[key one two]");
    EXPECT_EQ(server.calls("evalsha"), 10u);
    EXPECT_EQ(server.calls("script|load"), 1u);   // once in a daemon's life
    EXPECT_EQ(server.calls("eval"), 0u);
}

TEST(RedisPool, TellsAServerThatHasForgottenAScriptItsTextOnce)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    std::string const script = "return redis.call('INCR', 'n')";
    EXPECT_EQ(shown(pool.run_script(script, {}, {})), "1");
    EXPECT_EQ(server.say({"SCRIPT", "FLUSH"}), "OK");
    EXPECT_EQ(shown(pool.run_script(script, {}, {})), "2");
    EXPECT_EQ(shown(pool.run_script(script, {}, {})), "3");
    EXPECT_EQ(server.calls("eval"), 1u);
}

TEST(RedisPool, SaysWhatIsWrongWithAScript)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    EXPECT_THAT(shown(pool.run_script("return (", {}, {})), StartsWith(server.url() + ": ERR Error compiling script"));
    EXPECT_THAT(shown(pool.run_script("return redis.call('HM')", {}, {})), HasSubstr("Unknown Redis command called from script"));
    EXPECT_FALSE(pool.is_away());
}

// ---- A server that stops ----

TEST(RedisPool, NoticesThatAKeptConnectionHasBeenClosed)
{
    RedisServer server;
    RedisPool pool{address_of(server.url())};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    server.kill();
    server.start();
    EXPECT_EQ(say(pool, {"PING"}), "PONG");   // by a new connection, as if nothing had been
    EXPECT_FALSE(pool.is_away());
}

TEST(RedisPool, FailsAtOnceWhileTheServerIsAway)
{
    RedisServer server;
    RedisPool pool{address_of(server.url())};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    server.stop();
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), "Redis is away: HOST: Connection refused");
    EXPECT_TRUE(pool.is_away());
    EXPECT_EQ(nameless(probe(pool), server.port()), "Redis is away: HOST: Connection refused");

    server.start();
    auto const connections = connections_to(server);
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), "Redis is away: HOST: Connection refused");   // nobody has looked yet
    EXPECT_EQ(connections_to(server) - connections, 1u);   // the one that asks here
    EXPECT_EQ(probe(pool), "back");
    EXPECT_FALSE(pool.is_away());
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
}

TEST(RedisPool, IsAwayFromTheStartWhereNobodyListens)
{
    auto const port = testing::unused_port();
    RedisPool pool{address_of("redis://127.0.0.1:" + std::to_string(port))};
    EXPECT_FALSE(pool.is_away());   // nobody has asked yet
    EXPECT_EQ(nameless(say(pool, {"PING"}), port), "Redis is away: HOST: Connection refused");
    EXPECT_TRUE(pool.is_away());
}

TEST(RedisPool, WaitsForAnAnswerNoLongerThanItsTimeout)
{
    RedisServer server;
    auto address = address_of(server.url());
    address.timeout = 2s;
    RedisPool pool{std::move(address)};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    server.pause();
    EXPECT_EQ(nameless(say(pool, {"INCR", "n"}), server.port()), "Redis is away: HOST: no answer in time");
    EXPECT_EQ(nameless(say(pool, {"INCR", "n"}), server.port()), "Redis is away: HOST: no answer in time");
    server.resume();
    EXPECT_EQ(probe(pool), "back");
    EXPECT_EQ(say(pool, {"GET", "n"}), "1");   // the command that was given up was obeyed, and not sent again
}

// The server got the command and has not answered: nobody knows whether it was obeyed.
TEST(RedisPool, DoesNotSendAgainWhatMayHaveBeenObeyed)
{
    std::atomic<int> commands = 0;
    TestServer const server{[&](Connection& connection) {
        connection.read_until("PING\r\n");
        connection.write("+PONG\r\n");
        if (!connection.read_until("INCR\r\n$1\r\nn\r\n").empty()) ++commands;   // and closes
    }};
    RedisPool pool{address_of(server)};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(nameless(say(pool, {"INCR", "n"}), server.port()), "Redis is away: HOST: the server closed the connection");
    EXPECT_EQ(commands, 1);
    EXPECT_EQ(server.connections(), 1);
}

TEST(RedisPool, DropsAConnectionOnWhichALateAnswerCame)
{
    TestServer const server{fake({"+PONG\r\n+LATE\r\n"})};
    RedisPool pool{address_of(server)};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(say(pool, {"PING"}), "PONG");   // not LATE
    EXPECT_EQ(server.connections(), 2);
}

TEST(RedisPool, SaysThatASomethingElseIsNoRedis)
{
    TestServer const server{fake({"HTTP/1.1 400 Bad Request\r\n\r\n"})};
    RedisPool pool{address_of(server)};
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()),
              "Redis is away: redis://HOST/0: what came is no reply of a Redis: Protocol error, got \"H\" as reply type byte");
}

// ---- A server that answers, but does not serve ----

TEST(RedisPool, IsAwayWhileTheServerIsAReplica)
{
    RedisServer const master;
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    EXPECT_EQ(say(pool, {"SET", "a", "1"}), "OK");
    server.say({"REPLICAOF", "127.0.0.1", std::to_string(master.port())});
    auto const words = "Redis is away: redis://HOST/0: it is a replica, which takes no writes: name the master "
                       "(READONLY You can't write against a read only replica.";
    EXPECT_THAT(nameless(say(pool, {"SET", "a", "2"}), server.port()), StartsWith(words));
    EXPECT_TRUE(pool.is_away());
    EXPECT_THAT(nameless(probe(pool), server.port()), StartsWith(words));   // though PING would be answered
    server.say({"REPLICAOF", "NO", "ONE"});
    EXPECT_EQ(probe(pool), "back");
    EXPECT_EQ(say(pool, {"SET", "a", "2"}), "OK");
}

TEST(RedisPool, IsAwayWhileTheReplicaHasNoMaster)
{
    RedisServer const server{{.password = "", .identity = nullptr, .more = {"--replica-serve-stale-data", "no"}}};
    RedisPool pool{address_of(server.url())};
    server.say({"REPLICAOF", "127.0.0.1", std::to_string(testing::unused_port())});
    EXPECT_THAT(nameless(say(pool, {"GET", "a"}), server.port()),
                StartsWith("Redis is away: redis://HOST/0: it is a replica that has lost its master: name the master (MASTERDOWN "));
}

TEST(RedisPool, IsAwayWhileTheServerHasNoMemory)
{
    RedisServer const server;
    RedisPool pool{address_of(server.url())};
    server.say({"CONFIG", "SET", "maxmemory", "1"});
    auto const words = "Redis is away: redis://HOST/0: it has no memory left: raise its maxmemory (OOM command not allowed";
    EXPECT_THAT(nameless(say(pool, {"SET", "a", "1"}), server.port()), StartsWith(words));
    EXPECT_THAT(nameless(probe(pool), server.port()), StartsWith(words));
    server.say({"CONFIG", "SET", "maxmemory", "0"});
    EXPECT_EQ(probe(pool), "back");
}

TEST(RedisPool, IsAwayWhileTheServerServesAsManyAsItMay)
{
    RedisServer const server;
    RedisPool first{address_of(server.url())};
    EXPECT_EQ(say(first, {"CONFIG", "SET", "maxclients", "1"}), "OK");
    RedisPool second{address_of(server.url())};
    EXPECT_EQ(nameless(say(second, {"PING"}), server.port()),
              "Redis is away: redis://HOST/0: it serves as many clients as it may: raise its maxclients "
              "(ERR max number of clients reached)");
}

// States that a real server passes too quickly, or only in another version.
TEST(RedisPool, KnowsWhatErrorRepliesMean)
{
    struct Case {
        std::string reply, words;
        bool away = true;
    };
    std::string const away = "Redis is away: redis://HOST/0: ";
    for (auto const& one : {
             Case{"-LOADING Redis is loading the dataset in memory",
                  away + "it loads its data and will be back by itself (LOADING Redis is loading the dataset in memory)"},
             Case{"-MISCONF Redis is configured to save RDB snapshots",
                  away + "it cannot save its data, and takes no writes until it can: see its log "
                         "(MISCONF Redis is configured to save RDB snapshots)"},
             Case{"-BUSY Redis is busy running a script.",
                  away + "it is busy with somebody's script: see SCRIPT KILL (BUSY Redis is busy running a script.)"},
             Case{"-DENIED Redis is running in protected mode",
                  away + "it is in protected mode and serves its own host only: give it a password "
                         "(DENIED Redis is running in protected mode)"},
             Case{"-ERR Error running script (call to f_1): @user_script:7: @user_script: 7: -READONLY You can't write",   // Redis 6
                  away + "it is a replica, which takes no writes: name the master (ERR Error running script (call to f_1): "
                         "@user_script:7: @user_script: 7: -READONLY You can't write)"},
             Case{"-MOVED 3999 127.0.0.1:6381",
                  "redis://HOST/0: it is a cluster, which is not supported: name a single server (MOVED 3999 127.0.0.1:6381)", false},
             Case{"-ERR unknown command", "redis://HOST/0: ERR unknown command", false},
             Case{"-ERR \x1B[31mred", "redis://HOST/0: ERR ?[31mred", false},
         }) {
        TestServer const server{fake({one.reply + "\r\n"})};
        RedisPool pool{address_of(server)};
        EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), one.words);
        EXPECT_EQ(pool.is_away(), one.away) << one.reply;
    }
}

// ---- Logins ----

TEST(RedisPool, LogsInWithAPassword)
{
    RedisServer const server{{.password = "hunter2"}};
    RedisPool pool{address_of(server.url(":hunter2"))};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(pool.shown(), server.url());
}

TEST(RedisPool, LogsInAsAUserAndPicksItsDatabase)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter2", "+@all", "~mailcore:*"});
    RedisPool pool{*RedisAddress::parse(server.url("mailcore:hunter2"))};
    EXPECT_EQ(say(pool, {"ACL", "WHOAMI"}), "mailcore");
    EXPECT_EQ(say(pool, {"SET", "mailcore:limit:a", "1"}), "OK");
    EXPECT_EQ(nameless(say(pool, {"SET", "other", "1"}), server.port()),
              "redis://HOST/0: its ACL allows this user too little: ~mailcore:* +@read +@write +@scripting +@connection +time "
              "(NOPERM this user has no permissions to access one of the keys used as arguments)");
    EXPECT_FALSE(pool.is_away());
    EXPECT_EQ(probe(pool), "back");
}

TEST(RedisPool, IsAwayWithoutTheRightLogin)
{
    struct Case {
        std::string server_password, login, words;
    };
    for (auto const& one : {
             Case{"hunter2", ":hunter3", "it refused the user or the password (WRONGPASS invalid username-password pair or user is disabled.)"},
             Case{"hunter2", "mailcore:hunter2",
                  "it refused the user or the password (WRONGPASS invalid username-password pair or user is disabled.)"},
             Case{"hunter2", "", "it wants a password: set one (NOAUTH Authentication required.)"},
             Case{"", ":hunter3",
                  "it has no password, or its version knows no users (ERR AUTH <password> called without any password configured for "
                  "the default user. Are you sure your configuration is correct?)"},
         }) {
        RedisServer const server{{.password = one.server_password}};
        RedisPool pool{address_of(server.url(one.login))};
        EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), "Redis is away: redis://HOST/0: " + one.words) << one.login;
        EXPECT_EQ(nameless(probe(pool), server.port()), "Redis is away: redis://HOST/0: " + one.words) << one.login;
    }
}

TEST(RedisPool, TakesThePasswordAnewWhereItIsRefused)
{
    RedisServer const server;
    server.say({"ACL", "SETUSER", "mailcore", "on", ">hunter2", "+@all", "~mailcore:*"});
    std::atomic<int> asked = 0;
    std::string now = "hunter2";
    base::Result<> readable;
    auto address = address_of(server.url("mailcore:hunter2"));
    address.read_password = [&]() -> base::Result<base::Secret> {
        ++asked;
        if (!readable) return base::fail(readable.error());
        return base::Secret{now};
    };
    RedisPool pool{std::move(address)};
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(asked, 0);

    server.say({"ACL", "SETUSER", "mailcore", "resetpass", ">hunter3"});
    server.say({"CLIENT", "KILL", "USER", "mailcore"});
    auto const refused = "it refused the user or the password (WRONGPASS invalid username-password pair or user is disabled.)";
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), std::string{"Redis is away: redis://HOST/0: "} + refused);
    EXPECT_EQ(asked, 1);
    readable = base::fail("password_file: cannot read it");
    EXPECT_EQ(nameless(probe(pool), server.port()), std::string{"Redis is away: redis://HOST/0: "} + refused + "; password_file: cannot read it");
    EXPECT_EQ(asked, 2) << "once for each probe";

    readable = {};
    now = "hunter3";
    EXPECT_EQ(probe(pool), "back");
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
    EXPECT_EQ(asked, 3);
}

TEST(RedisPool, SaysThatThereIsNoSuchDatabase)
{
    RedisServer const server;
    auto address = address_of(server.url());
    address.database = 99;
    RedisPool pool{std::move(address)};
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()),
              "Redis is away: redis://HOST/99: it has no such database: see its `databases` (ERR DB index is out of range)");
}

TEST(RedisPool, ShowsNoPasswordThatAServerSaysBack)
{
    TestServer const server{fake({"-ERR unknown command AUTH, with args beginning with: hunter2 hunter2\r\n"})};
    auto address = address_of(server);
    address.password = base::Secret{"hunter2"};
    RedisPool pool{std::move(address)};
    EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()),
              "Redis is away: redis://HOST/0: ERR unknown command AUTH, with args beginning with: *** ***");
}

// ---- TLS ----

class RedisTls : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-redis-tls-test-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string file_of(testing::Identity const& authority)
    {
        std::ofstream{directory_ + "/ca.pem"} << authority.certificate;
        return directory_ + "/ca.pem";
    }
    std::string directory_;
    testing::Identity authority_ = testing::make_authority();
};

TEST_F(RedisTls, IsSpokenToAServerWhoseCertificateIsTrusted)
{
    auto const identity = testing::make_identity("IP:127.0.0.1", &authority_);
    RedisServer server{{.password = "hunter2", .identity = &identity}};
    auto address = address_of(server.url(":hunter2"));
    address.ca_file = file_of(authority_);
    RedisPool pool{std::move(address)};
    EXPECT_EQ(pool.shown(), "rediss://127.0.0.1:" + std::to_string(server.port()) + "/0");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(say(pool, {"PING"}), "PONG");
    auto const much = std::string(1u << 20u, 'x');
    EXPECT_EQ(say(pool, {"ECHO", much}), much);
    server.kill();
    server.start();
    EXPECT_EQ(say(pool, {"PING"}), "PONG");
}

TEST_F(RedisTls, IsRefusedToAServerOfAnotherNameOrAuthority)
{
    auto const wrong_name = testing::make_identity("DNS:redis.example", &authority_);
    auto const right_name = testing::make_identity("IP:127.0.0.1", &authority_);
    auto const other = testing::make_authority("Another CA");
    struct Case {
        testing::Identity const& identity;
        testing::Identity const& trusted;
        std::string words;
    };
    for (auto const& one : {
             Case{wrong_name, authority_, "SSL: no alternative certificate subject name matches target host name '127.0.0.1'"},
             Case{right_name, other, "SSL certificate problem: unable to get local issuer certificate"},
         }) {
        RedisServer const server{{.password = "", .identity = &one.identity}};
        auto address = address_of(server.url());
        address.ca_file = file_of(one.trusted);
        RedisPool pool{std::move(address)};
        EXPECT_EQ(nameless(say(pool, {"PING"}), server.port()), "Redis is away: HOST: " + one.words);
    }
}

TEST_F(RedisTls, IsNotSpokenByChance)
{
    auto const identity = testing::make_identity("IP:127.0.0.1", &authority_);
    RedisServer const server{{.password = "", .identity = &identity}};
    RedisPool plain{address_of("redis://127.0.0.1:" + std::to_string(server.port()))};
    EXPECT_THAT(say(plain, {"PING"}), StartsWith("Redis is away: "));

    RedisServer const plain_server;
    auto address = address_of("rediss://127.0.0.1:" + std::to_string(plain_server.port()));
    address.timeout = 50ms;   // it waits for the end of a line, which a handshake has not
    RedisPool pool{std::move(address)};
    EXPECT_EQ(nameless(say(pool, {"PING"}), plain_server.port()), "Redis is away: HOST: no TLS connection within 200ms");
}

}   // namespace
}   // namespace mailcore::store
