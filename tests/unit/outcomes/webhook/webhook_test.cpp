// The webhook against receivers that take events, refuse them, are slow, away, or nobody to be trusted.

#include "outcomes/webhook/webhook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/crypto/hmac.hpp"
#include "outcomes/store/sqlite_store.hpp"
#include "outcomes/webhook/receiver.hpp"
#include "tests/unit/outcomes/webhook/receiver_server.hpp"
#include "tests/unit/outcomes/webhook/watched_store.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Gate;
using testing::Post;
using testing::ReceiverServer;
using testing::WatchedStore;

Outcome outcome(std::string const& queue_id, std::string const& event)
{
    Outcome outcome;
    outcome.event_id = "event-" + event;
    outcome.postfix_instance = "postfix";
    outcome.tenant_id = "kbz_test";
    outcome.queue_id = queue_id;
    outcome.recipient = event + "@dom.test";
    outcome.status = Status::Sent;
    outcome.reason = "250 2.0.0 \"ok\"\nPARTNER \xff";
    outcome.sent_at = base::Time{1'795'000'000s};
    return outcome;
}

// "event-7" in a body; of an array the first.
std::string event_in(std::string const& body)
{
    auto const begin = body.find("event-");
    return body.substr(begin, body.find('"', begin) - begin);
}

WebhookOptions quick()
{
    WebhookOptions options;
    options.timeout = 30s;
    options.retry = {1ms};
    options.pause = 1ms;
    options.grace = 30s;
    return options;
}

class WebhookTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        // In memory where that can be: each event is some transactions, and the disk is not what is tested here.
        bool const has_memory = ::access("/dev/shm", W_OK) == 0;
        auto name = std::string{has_memory ? "/dev/shm" : "/tmp"} + "/mailcore-webhook-test-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        write_secret("hunter22\n");
        auto opened = open_sqlite_store(directory_ + "/outcomes.db");
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = std::make_unique<WatchedStore>(std::move(*opened));
        store_->hasten(1h);
    }
    void TearDown() override
    {
        webhook_.reset();
        store_.reset();
        std::filesystem::remove_all(directory_);
    }

    std::string secret_file() const { return directory_ + "/webhook.key"; }
    void write_secret(std::string const& content) const
    {
        std::ofstream{directory_ + "/new.key", std::ios::binary} << content;
        std::filesystem::rename(directory_ + "/new.key", secret_file());
    }

    void start(std::string const& url, WebhookOptions options = quick())
    {
        options.url = url;
        if (options.secret_file.empty()) options.secret_file = secret_file();
        webhook_ = std::make_unique<Webhook>(options, *store_, [this](bool ok, std::string const& words) {
            std::lock_guard const lock{mutex_};
            told_.push_back((ok ? "ok: " : "trouble: ") + words);
            changed_.notify_all();
        });
    }
    void start(ReceiverServer const& server, WebhookOptions options = quick()) { start(server.url(), std::move(options)); }

    std::vector<std::string> told()
    {
        std::lock_guard const lock{mutex_};
        return told_;
    }
    bool wait_for_words(std::size_t count)
    {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, 1min, [&] { return told_.size() >= count; });
    }

    std::string directory_;
    std::unique_ptr<WatchedStore> store_;
    std::unique_ptr<Webhook> webhook_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> told_;
};

ReceiverServer::Answer always(std::string const& answer)
{
    return [answer](Post const&) { return answer; };
}

// ---- The request ----

TEST(WebhookSignature, IsTheOneOfOthersTools)
{
    // printf '%s' '1795000000.{"eventId":"x"}' | openssl dgst -sha256 -hmac hunter22
    EXPECT_EQ(signature(base::Secret{"hunter22"}, base::Time{1'795'000'000'999ms}, R"({"eventId":"x"})"),
              "t=1795000000,v1=0485bd6d7fd333723ea8f7acf9d2d0d047cc494655568cc5728cd4602930dd5e");
}

TEST_F(WebhookTest, PostsAnEventOnce)
{
    ReceiverServer server{always("200 OK")};
    auto const event = outcome("4jWYs717qcz8lWc", "1");
    store_->add({event});
    auto const before = base::now();
    start(server);
    ASSERT_TRUE(store_->wait_until_sent(1));
    webhook_->stop();
    ASSERT_EQ(server.posts().size(), 1u);
    auto post = server.posts().front();
    EXPECT_EQ(post.line, "POST /hook HTTP/1.1");
    EXPECT_EQ(post.body, to_json(event));
    auto const signed_with = post.headers["x-mailcore-signature"];
    auto const time = base::Time{std::chrono::seconds{std::stoll(signed_with.substr(2))}};
    EXPECT_GE(time, before - 1s);
    EXPECT_LE(time, base::now());
    EXPECT_EQ(signed_with, signature(base::Secret{"hunter22"}, time, post.body));   // without the newline of the file
    post.headers.erase("x-mailcore-signature");
    EXPECT_THAT(post.headers,
                ElementsAre(std::pair{"accept", "*/*"}, std::pair{"connection", "close"},
                            std::pair{"content-length", std::to_string(post.body.size())},
                            std::pair{"content-type", "application/json"}, std::pair{"host", server.host_and_port()},
                            std::pair{"idempotency-key", "event-1"},
                            std::pair{"user-agent", "mailcore/" MAILCORE_VERSION}));
    EXPECT_EQ(webhook_->facts().delivered, 1u);
    EXPECT_EQ(webhook_->facts().refused + webhook_->facts().unreachable, 0u);
    EXPECT_THAT(told(), ElementsAre());
}

TEST_F(WebhookTest, PostsWhatComesLater)
{
    ReceiverServer server{always("204 No Content")};
    start(server);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        store_->add({outcome("Q" + std::to_string(i), std::to_string(i))});
        webhook_->wake();
        ASSERT_TRUE(store_->wait_until_sent(i));
    }
    EXPECT_EQ(server.posts().size(), 3u);
}

// ---- Refusals and retries ----

struct AnswerCase {
    char const* note;
    char const* answer;   // HOST is the receiver
    bool delivered;
    char const* words;
};

void PrintTo(AnswerCase const& one, std::ostream* out) { *out << one.note; }

class AnswerTest : public WebhookTest, public ::testing::WithParamInterface<AnswerCase> {};

TEST_P(AnswerTest, CountsAsDeliveryIfItIs2xx)
{
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const&) { return posts++ == 0 ? GetParam().answer : "200 OK"; }};
    store_->add({outcome("Q1", "1")});
    start(server);
    ASSERT_TRUE(store_->wait_until_sent(1));
    EXPECT_EQ(posts, GetParam().delivered ? 1 : 2);
    auto const again = store_->again();
    ASSERT_EQ(again.size(), GetParam().delivered ? 0u : 1u);
    if (GetParam().delivered) return;
    auto words = again.front().error;
    words.replace(words.find(server.host_and_port()), server.host_and_port().size(), "HOST");
    EXPECT_THAT(words, HasSubstr(GetParam().words));
    EXPECT_EQ(server.bodies()[0], server.bodies()[1]);
    EXPECT_EQ(server.posts()[0].headers["idempotency-key"], server.posts()[1].headers["idempotency-key"]);
}

constexpr AnswerCase kAnswers[] = {
    {"accepted", "202 Accepted", true, ""},
    {"any other 2xx", "299 Fine", true, ""},
    {"not modified", "304 Not Modified", false, "http://HOST: answered 304"},
    {"elsewhere: not followed, else the event would go wherever it is told to", "301 Moved\r\nLocation: http://127.0.0.1:1/",
     false,
     "http://HOST: answered 301; redirects are not followed: write where it leads to into outcomes.webhook.url"},
    {"bad request", "400 Bad Request", false, "http://HOST: answered 400"},
    {"unauthorized", "401 Unauthorized", false, "http://HOST: answered 401"},
    {"its bug", "500 Internal Server Error", false, "http://HOST: answered 500"},
    {"no answer at all", "", false, "HOST: Empty reply from server"},
};
INSTANTIATE_TEST_SUITE_P(Answers, AnswerTest, ::testing::ValuesIn(kAnswers));

TEST_F(WebhookTest, TriesAgainByTheListAndThenEveryMinute)
{
    ReceiverServer server{always("500 No")};
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    options.retry = {1s, 2s, 4s};
    start(server, options);
    ASSERT_TRUE(server.wait_for_posts(7));
    webhook_->stop();
    auto const again = store_->again();
    ASSERT_GE(again.size(), 6u);
    std::chrono::seconds const expected[] = {1s, 2s, 4s, 60s, 60s, 60s};
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_LE(again[i].at, again[i].now + expected[i]) << i;        // `now` is when the store was told
        EXPECT_GT(again[i].at, again[i].now + expected[i] - 1s) << i;
    }
}

struct RetryAfter {
    char const* note;
    char const* header;
    std::chrono::seconds wait;
};

void PrintTo(RetryAfter const& one, std::ostream* out) { *out << one.note; }

class RetryAfterTest : public WebhookTest, public ::testing::WithParamInterface<RetryAfter> {};

TEST_P(RetryAfterTest, IsALowerBoundUpToAMinute)
{
    ReceiverServer server{always(std::string{"429 Too Many Requests\r\nRetry-After: "} + GetParam().header)};
    store_->hasten(0s);
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    options.retry = {10s};
    start(server, options);
    ASSERT_TRUE(store_->wait_until_put_back(1));
    webhook_->stop();
    auto const again = store_->again();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_LE(again[0].at, again[0].now + GetParam().wait);
    EXPECT_GT(again[0].at, again[0].now + GetParam().wait - 1s);
}

constexpr RetryAfter kRetryAfters[] = {
    {"less than the list says", "3", 10s},    {"more than the list says", "30", 30s},
    {"more than a minute", "3600", 60s},      {"more than a number holds", "99999999999999", 60s},
    {"a date", "Sun, 22 Nov 2026 05:00:00 GMT", 10s}, {"nothing sensible", "-5", 10s},
};
INSTANTIATE_TEST_SUITE_P(Headers, RetryAfterTest, ::testing::ValuesIn(kRetryAfters));

TEST_F(WebhookTest, GivesUpAfterItsTimeAndGoesOnWithTheNextOfTheMessage)
{
    ReceiverServer server{[](Post const& post) { return event_in(post.body) == "event-1" ? "500 No" : "200 OK"; }};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2")});
    auto options = quick();
    options.give_up_after = 200ms;
    store_->hasten(0s);
    options.retry = {20ms, 20ms};
    start(server, options);
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.failed == 1 && stats.sent == 1; }));
    auto const failed = store_->failed_events(10);
    ASSERT_EQ(failed->size(), 1u);
    EXPECT_EQ(failed->front().outcome.event_id, "event-1");
    EXPECT_EQ(failed->front().error, "http://" + server.host_and_port() + ": answered 500");
    auto const first = store_->again().front().now;
    EXPECT_GE(failed->front().failed_at, first + 150ms);   // a last time at the end, not a minute later
    EXPECT_EQ(failed->front().attempts, server.posts().size() - 1);
    EXPECT_GE(failed->front().attempts, 4u - 1u);
}

TEST_F(WebhookTest, TriesFailedEventsAgainWhereAnOperatorSaysSo)
{
    std::atomic<bool> is_mended = false;
    ReceiverServer server{[&](Post const&) { return is_mended ? "200 OK" : "500 No"; }};
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    options.give_up_after = 0ms;
    store_->hasten(0s);
    start(server, options);
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.failed == 1; }));
    is_mended = true;
    EXPECT_EQ(store_->retry_failed(10), 1u);
    webhook_->wake();
    ASSERT_TRUE(store_->wait_until_sent(1));
    EXPECT_EQ(server.bodies()[0], server.bodies()[1]);
}

// ---- Order ----

TEST_F(WebhookTest, KeepsTheOrderOfAMessageWhileOthersOvertake)
{
    Gate others_are_sent;
    std::atomic<int> tries = 0;
    ReceiverServer server{[&](Post const& post) {
        if (event_in(post.body) != "event-1") return "200 OK";
        if (tries++ < 3) return "503 Not now";
        others_are_sent.pass();
        return "200 OK";
    }};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2"), outcome("Q1", "3"), outcome("Q2", "4"), outcome("Q2", "5")});
    start(server);
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.sent == 2; }));   // those of Q2
    others_are_sent.open();
    ASSERT_TRUE(store_->wait_until_sent(5));
    std::vector<std::string> of_first, of_second;
    for (auto const& body : server.bodies()) {
        auto const event = event_in(body);
        (event == "event-4" || event == "event-5" ? of_second : of_first).push_back(event);
    }
    EXPECT_THAT(of_first, ElementsAre("event-1", "event-1", "event-1", "event-1", "event-2", "event-3"));
    EXPECT_THAT(of_second, ElementsAre("event-4", "event-5"));
}

TEST_F(WebhookTest, IsNotHeldUpByARequestWithoutAnswer)
{
    Gate gate;
    ReceiverServer server{[&](Post const& post) {
        if (event_in(post.body) == "event-1") gate.pass();
        return "200 OK";
    }};
    store_->add({outcome("Q1", "1")});
    start(server);
    ASSERT_TRUE(server.wait_for_posts(1));
    std::vector<Outcome> others;
    for (int i = 2; i <= 50; ++i) others.push_back(outcome("Q" + std::to_string(i), std::to_string(i)));
    store_->add(others);
    webhook_->wake();
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.sent == 49 && stats.sending == 1; }));
    gate.open();
    ASSERT_TRUE(store_->wait_until_sent(50));
    EXPECT_EQ(server.posts().size(), 50u);
}

TEST_F(WebhookTest, StopsWaitingForAnAnswerAtItsTimeout)
{
    Gate gate;
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const&) {
        if (posts++ == 0) gate.pass();
        return "200 OK";
    }};
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    options.timeout = 300ms;
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(1));
    EXPECT_EQ(store_->again().front().error, server.host_and_port() + ": no whole answer within 300ms");
    EXPECT_EQ(webhook_->facts().unreachable, 1u);
    gate.open();
}

// ---- Batches ----

TEST_F(WebhookTest, PostsABatchAsAnArrayWithOneEventOfAMessage)
{
    ReceiverServer server{always("200 OK")};
    std::vector<Outcome> events;
    for (int i = 0; i < 7; ++i) events.push_back(outcome("Q" + std::to_string(i % 3), std::to_string(i)));
    store_->add(events);
    auto options = quick();
    options.batch = 5;
    options.at_once = 1;
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(7));
    auto const both = [&](std::initializer_list<int> numbers) {
        std::string body;
        for (auto const number : numbers) {
            body += (body.empty() ? "[" : ",") + to_json(events[static_cast<std::size_t>(number)]);
        }
        return body + "]";
    };
    EXPECT_THAT(server.bodies(), ElementsAre(both({0, 1, 2}), both({3, 4, 5}), both({6})));
    EXPECT_EQ(server.posts()[0].headers.count("idempotency-key"), 0u);
    EXPECT_EQ(server.posts()[2].headers["idempotency-key"], "event-6");
    EXPECT_EQ(webhook_->facts().delivered, 3u);
}

TEST_F(WebhookTest, NeverPutsMoreIntoABatchThanItMay)
{
    ReceiverServer server{always("200 OK")};
    std::vector<Outcome> events;
    for (int i = 0; i < 100; ++i) events.push_back(outcome("Q" + std::to_string(i), std::to_string(i)));
    store_->add(events);
    auto options = quick();
    options.batch = 7;
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(100));
    for (auto const& body : server.bodies()) {
        std::size_t count = 0;
        for (auto at = body.find("event-"); at != std::string::npos; at = body.find("event-", at + 1)) ++count;
        EXPECT_LE(count, 7u);
        EXPECT_TRUE(body.starts_with("[{") && body.ends_with("}]")) << body;
    }
}

TEST_F(WebhookTest, SendsTheEventsOfARefusedBatchAlone)
{
    ReceiverServer server{[](Post const& post) {
        return post.body.find("\"event-3\"") != std::string::npos ? "422 What is that" : "200 OK";
    }};
    std::vector<Outcome> events;
    for (int i = 0; i < 6; ++i) events.push_back(outcome("Q" + std::to_string(i), std::to_string(i)));
    store_->add(events);
    auto options = quick();
    options.batch = 100;
    options.at_once = 1;
    start(server, options);
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.sent == 5; }));   // one bad event spoils no others
    webhook_->stop();
    auto const bodies = server.bodies();
    for (std::size_t i = 1; i < bodies.size(); ++i) EXPECT_EQ(bodies[i].find("},{"), std::string::npos) << bodies[i];
}

TEST_F(WebhookTest, SendsABatchAgainAsOneWhereTheReceiverWasDown)
{
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const&) { return posts++ == 0 ? "503 Maintenance" : "200 OK"; }};
    std::vector<Outcome> events;
    for (int i = 0; i < 6; ++i) events.push_back(outcome("Q" + std::to_string(i), std::to_string(i)));
    store_->add(events);
    auto options = quick();
    options.batch = 6;
    options.at_once = 1;
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(6));
    EXPECT_EQ(server.posts().size(), 2u);
    EXPECT_EQ(server.bodies()[0], server.bodies()[1]);
}

// ---- A receiver that is away ----

TEST_F(WebhookTest, DeliversAllWhenTheReceiverComesBackAndTellsOfBoth)
{
    auto const path = directory_ + "/app.sock";
    std::vector<Outcome> events;
    for (int i = 0; i < 30; ++i) events.push_back(outcome("Q" + std::to_string(i % 10), std::to_string(i)));
    store_->add(events);
    start("unix://" + path + ":/hook");
    ASSERT_TRUE(wait_for_words(1));
    EXPECT_EQ(told().front(), "trouble: " + path + ": No such file or directory");
    ASSERT_TRUE(store_->wait_until_put_back(20));
    ReceiverServer server{always("200 OK"), path};
    ASSERT_TRUE(store_->wait_until_sent(30));
    EXPECT_THAT(told(), ElementsAre("trouble: " + path + ": No such file or directory",   // once a minute at most
                                    "ok: unix://" + path + ": takes events again"));
    EXPECT_EQ(webhook_->facts().delivered, 30u);
    EXPECT_GE(webhook_->facts().unreachable, 1u);
}

TEST_F(WebhookTest, AsksADeadReceiverOneRequestAtATime)
{
    ReceiverServer server{always("500 No")};
    std::vector<Outcome> events;
    for (int i = 0; i < 50; ++i) events.push_back(outcome("Q" + std::to_string(i), std::to_string(i)));
    store_->add(events);
    auto options = quick();
    options.at_once = 4;
    options.pause = 1h;
    start(server, options);
    ASSERT_TRUE(server.wait_for_posts(5));
    // 4 failures in a row; 3 more were under way, and one asked alone. Without the pause there are hundreds in this time.
    std::this_thread::sleep_for(200ms);
    EXPECT_LE(server.posts().size(), 8u);
    webhook_->stop();   // does not wait for the end of the pause
}

TEST_F(WebhookTest, TrustsNoStrangersCertificate)
{
    auto const authority = testing::make_authority();
    auto const identity = testing::make_identity("IP:127.0.0.1", &authority);
    ReceiverServer server{always("200 OK"), "", &identity};
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    start(server, options);
    ASSERT_TRUE(wait_for_words(1));
    EXPECT_EQ(told().front(),
              "trouble: " + server.host_and_port() + ": SSL certificate problem: unable to get local issuer certificate");
    webhook_->stop();
    EXPECT_TRUE(server.posts().empty());   // it saw nothing of the event
    EXPECT_EQ(store_->queue_stats()->pending, 1u);

    options.ca_file = directory_ + "/ca.pem";
    std::ofstream{options.ca_file} << authority.certificate;
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(1));
    EXPECT_EQ(server.posts().size(), 1u);
}

// ---- Secrets ----

TEST_F(WebhookTest, WaitsForItsSecretAndTakesTheNewOne)
{
    ReceiverServer server{always("200 OK")};
    auto options = quick();
    options.secret_file = directory_ + "/none.key";
    store_->add({outcome("Q1", "1")});
    start(server, options);
    ASSERT_TRUE(wait_for_words(1));
    EXPECT_EQ(told().back(), "trouble: " + directory_ + "/none.key: No such file or directory; events wait");
    EXPECT_TRUE(server.posts().empty());
    EXPECT_EQ(store_->queue_stats()->pending, 1u);
    EXPECT_TRUE(store_->again().empty());   // that is no try

    auto const verified = [&](std::string const& secret) {
        auto post = server.posts().back();
        auto const header = post.headers["x-mailcore-signature"];
        auto const time = base::Time{std::chrono::seconds{std::stoll(header.substr(2))}};
        return header == signature(base::Secret{secret}, time, post.body);
    };
    std::ofstream{options.secret_file} << "first\n\n";
    ASSERT_TRUE(store_->wait_until_sent(1));
    EXPECT_TRUE(verified("first\n"));   // one newline is dropped
    EXPECT_EQ(told().back(), "ok: " + directory_ + "/none.key: is read");
    EXPECT_EQ(told().size(), 2u);

    std::filesystem::rename(secret_file(), options.secret_file);
    store_->add({outcome("Q1", "2")});
    webhook_->wake();
    ASSERT_TRUE(store_->wait_until_sent(2));
    EXPECT_TRUE(verified("hunter22"));
}

struct BadSecret {
    char const* note;
    std::string content;
    char const* words;
};

void PrintTo(BadSecret const& one, std::ostream* out) { *out << one.note; }

class BadSecretTest : public WebhookTest, public ::testing::WithParamInterface<BadSecret> {};

TEST_P(BadSecretTest, IsToldWithoutItsContent)
{
    write_secret(GetParam().content);
    ReceiverServer server{always("200 OK")};
    store_->add({outcome("Q1", "1")});
    start(server);
    ASSERT_TRUE(wait_for_words(1));
    EXPECT_EQ(told().back(), "trouble: " + secret_file() + ": " + GetParam().words + "; events wait");
    EXPECT_TRUE(server.posts().empty());
}

BadSecret const kBadSecrets[] = {
    {"empty", "", "is empty"},
    {"a newline alone", "\n", "is empty"},
    {"some other file", std::string(100'000, 'x'), "is no file with a key"},
};
INSTANTIATE_TEST_SUITE_P(Secrets, BadSecretTest, ::testing::ValuesIn(kBadSecrets));

TEST_F(WebhookTest, ShowsNothingOfTheUrlThatMayBeSecret)
{
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const&) { return posts++ == 0 ? "401 Who are you" : "200 OK"; }};
    store_->add({outcome("Q1", "1")});
    auto const login = "http://us%65r:pass%3Aw%25rd@" + server.host_and_port();
    start(login + "/path-token?token=query-token");
    ASSERT_TRUE(store_->wait_until_sent(1));
    auto post = server.posts().back();
    EXPECT_EQ(post.line, "POST /path-token?token=query-token HTTP/1.1");
    EXPECT_EQ(post.headers["authorization"], "Basic " + crypto::base64("user:pass:w%rd"));
    EXPECT_EQ(post.headers["host"], server.host_and_port());
    auto shown = told();
    for (auto const& again : store_->again()) shown.push_back(again.error);
    EXPECT_THAT(shown, Contains(HasSubstr("answered 401")));
    EXPECT_THAT(shown, Contains(HasSubstr("takes events again")));
    for (auto const* const secret : {"us", "pass", "token", "hunter22"}) EXPECT_THAT(shown, Each(Not(HasSubstr(secret))));
}

TEST_F(WebhookTest, SaysThatAUrlIsNoneWithoutShowingIt)
{
    for (auto const* const url : {"ftp://token@host/token", "http://host/to ken", "token", "http://host:99999/token"}) {
        webhook_.reset();
        told_.clear();
        if (store_->queue_stats()->pending == 0) store_->add({outcome("Q1", "1")});
        start(url);
        ASSERT_TRUE(wait_for_words(1));
        EXPECT_EQ(told().front(), "trouble: outcomes.webhook.url is no address that can be asked") << url;
    }
}

TEST(WebhookReceiver, TakesAUrlApart)
{
    struct Case {
        char const *url, *asked, *name, *login;
    };
    for (Case const& one : {
             Case{"https://app.test/hook?t=1", "https://app.test/hook?t=1", "https://app.test", ""},
             Case{"https://u:p@app.test:8443/hook", "https://app.test:8443/hook", "https://app.test:8443", "u:p"},
             Case{"https://u@app.test", "https://app.test", "https://app.test", "u:"},
             Case{"https://u:p@ss@app.test?q=@", "https://app.test?q=@", "https://app.test", "u:p@ss"},
             Case{"https://u:p%zz%4@[::1]:1/", "https://[::1]:1/", "https://[::1]:1", "u:p%zz%4"},
             Case{"https://app.test/a@b", "https://app.test/a@b", "https://app.test", ""},
             Case{"unix:///run/app.sock:/hook", "unix:///run/app.sock:/hook", "unix:///run/app.sock", ""},
             Case{"nonsense", "nonsense", "outcomes.webhook.url", ""},
         }) {
        auto const receiver = parse_receiver(one.url);
        EXPECT_EQ(receiver.url, one.asked);
        EXPECT_EQ(receiver.name, one.name);
        std::string const login = one.login;
        EXPECT_EQ(receiver.authorization.reveal(), login.empty() ? "" : "Basic " + crypto::base64(login)) << one.url;
    }
}

// ---- Ends and failures of our own ----

TEST_F(WebhookTest, FinishesTheRequestsUnderWayWhenItStops)
{
    Gate gate;
    ReceiverServer server{[&](Post const&) {
        gate.pass();
        return "200 OK";
    }};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2"), outcome("Q2", "3")});
    start(server);
    ASSERT_TRUE(server.wait_for_posts(2));
    std::thread stopping{[&] { webhook_->stop(); }};
    gate.open();
    stopping.join();
    EXPECT_GE(store_->queue_stats()->sent, 2u);
    start(server);   // takes up what was taken and not sent
    ASSERT_TRUE(store_->wait_until_sent(3));
    EXPECT_EQ(server.posts().size(), 3u);
}

TEST_F(WebhookTest, EndsRequestsWithoutAnAnswerWhenItStopsAndSendsTheirEventsAgain)
{
    Gate gate;
    ReceiverServer server{[&](Post const&) {
        gate.pass();
        return "200 OK";
    }};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2"), outcome("Q2", "3")});
    auto options = quick();
    options.timeout = 1h;
    options.grace = 0ms;
    start(server, options);
    ASSERT_TRUE(server.wait_for_posts(2));
    webhook_->stop();   // and not in an hour
    EXPECT_EQ(store_->queue_stats()->sending, 2u);
    EXPECT_EQ(webhook_->facts().unreachable, 0u);   // nobody knows what it would have answered
    EXPECT_THAT(told(), ElementsAre());
    EXPECT_TRUE(store_->again().empty());
    gate.open();
    start(server, options);
    ASSERT_TRUE(store_->wait_until_sent(3));
    std::vector<std::string> of_first;
    for (auto const& body : server.bodies()) {
        if (event_in(body) != "event-3") of_first.push_back(event_in(body));
    }
    EXPECT_THAT(of_first, ElementsAre("event-1", "event-1", "event-2"));
}

// Its next try is two hours ahead by a clock that is right again. Nothing waits that long.
TEST_F(WebhookTest, SendsWhatWaitsForATimeFromBeforeTheClockWasSetBack)
{
    ReceiverServer server{always("200 OK")};
    store_->hasten(0s);
    store_->add({outcome("Q1", "1"), outcome("Q1", "2")});
    auto const taken = store_->take_due(base::now() + 2h, 1);
    ASSERT_EQ(taken->size(), 1u);
    ASSERT_TRUE(store_->try_again(std::vector{taken->front().id}, base::now() + 2h, "503"));
    start(server);
    ASSERT_TRUE(store_->wait_until_sent(2));
    EXPECT_EQ(event_in(server.bodies().front()), "event-1");
}

TEST_F(WebhookTest, LeavesWhatWaitsAsLongAsTheListSays)
{
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const& post) { return event_in(post.body) == "event-1" && posts++ == 0 ? "503 Not now" : "200 OK"; }};
    store_->hasten(0s);
    store_->add({outcome("Q1", "1")});
    auto options = quick();
    options.retry = {2h};
    start(server, options);
    ASSERT_TRUE(store_->wait_until_put_back(1));
    webhook_->stop();
    start(server, options);   // looks at what waits
    store_->add({outcome("Q2", "2")});
    webhook_->wake();
    ASSERT_TRUE(store_->wait([](auto const& stats) { return stats.sent == 1 && stats.pending == 1; }));
    EXPECT_EQ(posts, 1);
}

TEST_F(WebhookTest, LastsThroughAFullDisk)
{
    ReceiverServer server{always("200 OK")};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2")});
    store_->fail_taking(1);
    store_->fail_recording(1);
    start(server);
    ASSERT_TRUE(store_->wait_until_sent(2));
    EXPECT_EQ(server.posts().size(), 2u);   // what was delivered is recorded, not sent again
    EXPECT_THAT(told(), ElementsAre("trouble: database or disk is full", "ok: the store takes what became of events again"));
}

// A process of its own that sends what is in the store, until it is killed.
pid_t start_sender(std::string const& store, std::string const& url, std::string const& secret_file)
{
    auto const process = ::fork();
    if (process != 0) return process;
    ::execl(MAILCORE_TEST_SENDER, MAILCORE_TEST_SENDER, store.c_str(), url.c_str(), secret_file.c_str(), nullptr);
    ::_exit(127);
}

TEST_F(WebhookTest, SendsAnEventAgainWithItsIdWhereItWasKilledInTheMiddle)
{
    Gate gate;
    std::atomic<int> posts = 0;
    ReceiverServer server{[&](Post const&) -> std::string {
        if (posts++ > 0) return "200 OK";
        gate.pass();
        return "";
    }};
    store_->add({outcome("Q1", "1"), outcome("Q1", "2")});
    store_.reset();
    auto const process = start_sender(directory_ + "/outcomes.db", server.url(), secret_file());
    ASSERT_TRUE(server.wait_for_posts(1));
    ::kill(process, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(process, &status, 0), process);
    EXPECT_TRUE(WIFSIGNALED(status));
    gate.open();

    store_ = std::make_unique<WatchedStore>(std::move(*open_sqlite_store(directory_ + "/outcomes.db")));
    EXPECT_EQ(store_->queue_stats()->sending, 1u);
    start(server);
    ASSERT_TRUE(store_->wait_until_sent(2));
    std::vector<std::string> events;
    for (auto const& body : server.bodies()) events.push_back(event_in(body));
    EXPECT_THAT(events, ElementsAre("event-1", "event-1", "event-2"));
}

}   // namespace
}   // namespace mailcore::outcomes
