// The loop that reads both logs, on real files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "outcomes/service.hpp"
#include "outcomes/store/database.hpp"
#include "outcomes/store/sqlite_store.hpp"
#include "tests/unit/outcomes/join/story.hpp"
#include "tests/unit/outcomes/webhook/receiver_server.hpp"

namespace mailcore::outcomes::test {
namespace {

using namespace std::chrono_literals;
using Counters = std::map<std::string, std::uint64_t>;
using mailcore::testing::Gate;
using mailcore::testing::Post;
using mailcore::testing::ReceiverServer;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kGaps = R"(mailcore_outcomes_gaps_total{source="mail_log"} )";

// The clock as somebody has set it.
std::atomic<std::chrono::microseconds> clock_is_ahead{};
base::Time set_clock() { return base::now() + clock_is_ahead.load(); }

class Loop : public ::testing::Test {
protected:
    Loop() : log_{*observe::Log::open("test", "info", "json", folder_.file("log"))}
    {
        ServiceOptions options;
        options.mail_log = folder_.file("mail.log");
        options.decision_log = folder_.file("decisions.jsonl");
        options.store_path = folder_.file("outcomes.db");
        options.retention = std::chrono::hours{24};
        options_ = options;
        write("mail.log", "");
        write("decisions.jsonl", "");
    }
    ~Loop() override
    {
        end();
        clock_is_ahead = 0s;
    }

    void begin()
    {
        auto opened = OutcomesService::open(options_, log_, metrics_);
        ASSERT_TRUE(opened) << opened.error().message;
        service_ = std::move(*opened);
        thread_ = std::thread{[this] { EXPECT_TRUE(service_->serve()); }};
    }

    void end()
    {
        if (service_) service_->stop();
        if (thread_.joinable()) thread_.join();
        service_.reset();
    }

    // A receiver of events, from the start or the next reload on.
    void tell(ReceiverServer const& server)
    {
        options_.webhook.url = server.url();
        options_.webhook.secret_file = folder_.file("key");
        options_.webhook.timeout = 1h;
        options_.webhook.grace = 0ms;
        if (!std::filesystem::exists(options_.webhook.secret_file)) write("key", "secret");
    }

    static bool wait(std::function<bool()> const& wanted)   // false after a minute
    {
        for (auto const end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms)) {
            if (wanted()) return true;
        }
        return false;
    }
    bool wait_for_metric(std::string const& line)
    {
        return wait([&] { return metrics_.text().find('\n' + line + '\n') != std::string::npos; });
    }

    std::string events() const   // what was logged
    {
        std::ostringstream text;
        text << std::ifstream{folder_.file("log")}.rdbuf();
        return text.str();
    }

    void write(std::string const& name, std::string const& text)
    {
        std::ofstream{folder_.file(name), std::ios::app} << text;
    }

    // As the gate and Postfix write of a message that is sent at once.
    std::string decision(std::string const& id, std::string const& sender = "a@b") const
    {
        return decision_line(began_, id, {.sender = sender, .message_id = ""}) + "\n";
    }
    std::string delivery(std::string const& id) const
    {
        return postfix_line(began_, "postfix/smtpd", id + ": client=app[10.0.0.250]") + "\n" +
               postfix_line(began_, "postfix/smtp", id + ": to=<anna@example.com>, relay=mx.example[192.0.2.1]:25, delay=0.7, delays=0/0/0.1/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok)") + "\n" +
               postfix_line(began_, "postfix/qmgr", id + ": removed") + "\n";
    }

    Counters counters_after(std::uint64_t mail_lines)
    {
        for (auto const end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(5ms)) {
            auto counters = service_->store().counters();
            if (counters && (*counters)["lines|mail_log"] >= mail_lines) return *counters;
        }
        ADD_FAILURE() << "the lines were not read";
        return {};
    }

    Folder folder_;
    base::Time began_ = base::now();
    observe::Log log_;
    observe::OutcomeMetrics metrics_{"test"};
    ServiceOptions options_;
    std::unique_ptr<OutcomesService> service_;
    std::thread thread_;
};

// The decisions are longer than the deliveries: of the same messages, more of these fit into what is read at a time.
TEST_F(Loop, ReadsNoDeliveryBeforeItsDecision)
{
    constexpr unsigned kMessages = 3'000;
    std::string decisions, deliveries;
    for (unsigned number = 0; number < kMessages; ++number) {
        auto const id = "4jWYs7" + std::to_string(100'000 + number) + "z8lWc";
        began_ += 1s;
        decisions += decision(id, std::string(1'600, 'a') + "@b");
        deliveries += delivery(id);
    }
    write("decisions.jsonl", decisions);
    write("mail.log", deliveries);
    begin();
    auto counters = counters_after(std::uint64_t{3} * kMessages);
    EXPECT_EQ(counters["sent|SMTP|kbz_test"], kMessages);
    EXPECT_EQ(counters["sent|SMTP|"], 0u);
}

// The file that was rotated away is read until it has been quiet for a second, since its writer may not know yet.
TEST_F(Loop, WaitsForTheDecisionsBehindARotation)
{
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    counters_after(3);
    write("decisions.jsonl", decision("4jWYs710001z8lWc"));
    std::filesystem::rename(folder_.file("decisions.jsonl"), folder_.file("decisions.jsonl.1"));
    write("decisions.jsonl", decision("4jWYs710002z8lWc"));
    write("mail.log", delivery("4jWYs710001z8lWc") + delivery("4jWYs710002z8lWc"));
    auto counters = counters_after(9);
    EXPECT_EQ(counters["sent|SMTP|kbz_test"], 3u);
    EXPECT_EQ(counters["sent|SMTP|"], 0u);
}

// A writer that is never told of the new file must not keep us from reading Postfix's log.
TEST_F(Loop, DoesNotWaitForEverForDecisions)
{
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    counters_after(3);
    std::filesystem::rename(folder_.file("decisions.jsonl"), folder_.file("decisions.jsonl.1"));
    write("decisions.jsonl", decision("4jWYs710002z8lWc"));
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        for (int number = 0; !done; ++number) {
            write("decisions.jsonl.1", decision("4jWYs72" + std::to_string(1'000 + number) + "z8lWc"));
            std::this_thread::sleep_for(50ms);
        }
    }};
    write("mail.log", delivery("4jWYs721000z8lWc"));
    auto counters = counters_after(6);
    done = true;
    writer.join();
    EXPECT_EQ(counters["sent|SMTP|kbz_test"], 2u);
}

TEST_F(Loop, RefusesAStoreThatAnotherOneUses)
{
    begin();
    auto const second = OutcomesService::open(options_, log_, metrics_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "outcomes.store: another mailcore-outcomes stores in " + options_.store_path + "; give each one its own");
}

TEST_F(Loop, ReadsNothingOnWhileTheStoreDoesNotSayHowFarItIs)
{
    begin();
    Database other{options_.store_path, Database::Access::Write};
    other.execute("ALTER TABLE positions RENAME TO positions_away");
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    for (int tries = 0; metrics_.facts().store_failures == 0 && tries < 6'000; ++tries) std::this_thread::sleep_for(10ms);
    write("decisions.jsonl", decision("4jWYs720000z8lWc"));
    write("mail.log", delivery("4jWYs720000z8lWc"));
    std::this_thread::sleep_for(2s);
    EXPECT_NE(metrics_.facts().store_trouble.find("positions"), std::string::npos) << metrics_.facts().store_trouble;
    other.execute("ALTER TABLE positions_away RENAME TO positions");
    EXPECT_EQ(counters_after(6)["sent|SMTP|kbz_test"], 2u);
}

// What comes from a pipe comes once: a run that could not store it must not look like one that did.
TEST_F(Loop, EndsWithAFailureWhereStandardInputCouldNotBeStored)
{
    options_.mail_log = "-";
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    base::Fd const former{::dup(STDIN_FILENO)};
    ASSERT_EQ(::dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    auto opened = OutcomesService::open(options_, log_, metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    Database{options_.store_path, Database::Access::Write}.execute("DROP TABLE terms");
    auto const line = delivery("4jWYs710000z8lWc");
    EXPECT_EQ(::write(ends[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
    ::close(ends[1]);
    auto const served = (*opened)->serve();
    ::dup2(former.get(), STDIN_FILENO);
    ::close(ends[0]);
    ASSERT_FALSE(served);
    EXPECT_THAT(served.error().message, ::testing::StartsWith("standard input cannot be read again: " + options_.store_path + ": "));
}

// ---- A clock that is set ----

TEST_F(Loop, ShowsWhatItReadsWhereTheClockWasSetBack)
{
    clock_is_ahead = 2h;
    options_.now = set_clock;
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    ASSERT_TRUE(wait_for_metric("mailcore_outcomes_lines_total{source=\"mail_log\"} 3")) << metrics_.text();
    clock_is_ahead = 0s;
    write("mail.log", delivery("4jWYs720000z8lWc"));
    EXPECT_TRUE(wait_for_metric("mailcore_outcomes_lines_total{source=\"mail_log\"} 6")) << metrics_.text();
}

// ---- A slow application ----

TEST_F(Loop, IsNotHeldUpByASlowApplicationAtAReload)
{
    Gate gate;
    ReceiverServer slow{[&](Post const&) {
        gate.pass();
        return "200 OK";
    }};
    ReceiverServer another{[](Post const&) { return "200 OK"; }};
    tell(slow);
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    ASSERT_TRUE(slow.wait_for_posts(1));
    tell(another);
    ASSERT_TRUE(service_->restart(options_));
    write("decisions.jsonl", decision("4jWYs720000z8lWc"));
    write("mail.log", delivery("4jWYs720000z8lWc"));
    EXPECT_EQ(counters_after(6)["sent|SMTP|kbz_test"], 2u);
    ASSERT_TRUE(another.wait_for_posts(2));   // the one without an answer, too: it may not have come
    EXPECT_THAT(another.bodies(), Contains(slow.bodies().front()));
    EXPECT_THAT(events(), Not(HasSubstr("webhook_failing")));
    gate.open();
}

TEST_F(Loop, LetsARequestUnderWayEndWhereAReloadDoesNotConcernIt)
{
    Gate gate;
    ReceiverServer slow{[&](Post const&) {
        gate.pass();
        return "200 OK";
    }};
    tell(slow);
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    ASSERT_TRUE(slow.wait_for_posts(1));
    options_.providers = {{"mx.example", "Example"}};
    ASSERT_TRUE(service_->restart(options_));
    write("decisions.jsonl", decision("4jWYs720000z8lWc"));
    write("mail.log", delivery("4jWYs720000z8lWc"));
    EXPECT_EQ(counters_after(6)["sent|Example|kbz_test"], 1u);
    gate.open();
    EXPECT_TRUE(wait([&] { return service_->store().queue_stats()->sent == 2; }));
    EXPECT_EQ(slow.posts().size(), 2u);   // none twice
}

TEST_F(Loop, EndsWhateverTheApplicationDoes)
{
    Gate gate;
    ReceiverServer slow{[&](Post const&) {
        gate.pass();
        return "200 OK";
    }};
    tell(slow);
    begin();
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    write("mail.log", delivery("4jWYs710000z8lWc"));
    ASSERT_TRUE(slow.wait_for_posts(1));
    end();   // before there is an answer: nobody knows what it would have been
    EXPECT_THAT(events(), Not(HasSubstr("webhook_failing")));
    auto const store = open_sqlite_store(options_.store_path);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ((*store)->queue_stats()->sending, 1u);
    gate.open();
}

// ---- Losses ----

class UnreadableMailLog : public Loop, public ::testing::WithParamInterface<char const*> {};

TEST_P(UnreadableMailLog, MakesNoMessageALostOne)
{
    std::string const how = GetParam();
    std::filesystem::remove(folder_.file("mail.log"));
    if (how == "a directory") std::filesystem::create_directory(folder_.file("mail.log"));
    began_ -= 400s;
    write("decisions.jsonl", decision("4jWYs710000z8lWc"));
    begin();
    ASSERT_TRUE(wait_for_metric("mailcore_outcomes_lines_total{source=\"decision_log\"} 1")) << metrics_.text();
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(metrics_.facts().lost, 0u);
    EXPECT_THAT(events(), HasSubstr("log_unreadable"));
    EXPECT_THAT(events(), Not(HasSubstr("message_lost")));
}

INSTANTIATE_TEST_SUITE_P(Kinds, UnreadableMailLog, ::testing::Values("not there", "a directory"));

TEST_F(Loop, TellsOfALostMessageWhereTheLogWasReadToItsEnd)
{
    began_ -= 400s;
    write("decisions.jsonl", decision("4jWYs720000z8lWc"));
    begin();
    ASSERT_TRUE(wait_for_metric("mailcore_outcomes_lost_total 1")) << metrics_.text();
    EXPECT_THAT(events(), HasSubstr(R"("event":"message_lost","queue_id":"4jWYs720000z8lWc")"));
}

TEST_F(Loop, TellsOfALostMessageAsSoonAsABacklogIsRead)
{
    began_ -= 400s;
    write("decisions.jsonl", decision("4jWYs720000z8lWc"));
    std::string backlog;
    for (int number = 0; number < 3'000; ++number) backlog += delivery("4jWYs8" + std::to_string(100'000 + number) + "z8lWc");
    write("mail.log", backlog);
    begin();
    ASSERT_TRUE(wait_for_metric("mailcore_outcomes_lost_total 1")) << metrics_.text();
}

// ---- Decision lines that are none ----

TEST_F(Loop, TellsOfADecisionThatCannotBeReadAndTakesTheOneBehindIt)
{
    auto const torn = decision("4jWYs710000z8lWc").substr(0, 80);
    write("decisions.jsonl", torn + decision("4jWYs720000z8lWc") + "nonsense\n");
    write("mail.log", delivery("4jWYs720000z8lWc"));
    begin();
    auto counters = counters_after(3);
    EXPECT_EQ(counters["sent|SMTP|kbz_test"], 1u);
    EXPECT_EQ(counters["unreadable|decision_log"], 2u);
    EXPECT_TRUE(wait_for_metric("mailcore_outcomes_unreadable_decisions_total 2")) << metrics_.text();
    auto const told = events();
    auto const event = R"("event":"decision_unreadable","source":"decision_log","why":"no decision line: : expected at byte 83"})";
    EXPECT_THAT(told, HasSubstr(event));
    EXPECT_EQ(told.find("decision_unreadable"), told.rfind("decision_unreadable")) << "told once a minute";
}

// ---- Gaps ----

// increase() sees only what grows: a counter that begins at 0 with each start hides the gap of the next one.
TEST_F(Loop, CountsGapsOnOverARestart)
{
    write("mail.log", delivery("4jWYs710000z8lWc"));
    begin();
    counters_after(3);
    EXPECT_TRUE(wait_for_metric(kGaps + std::string{"0"})) << metrics_.text();
    for (unsigned gaps = 1; gaps <= 2; ++gaps) {
        end();
        std::filesystem::remove(folder_.file("mail.log"));
        write("mail.log", delivery("4jWYs72000" + std::to_string(gaps) + "z8lWc"));
        begin();
        EXPECT_TRUE(wait_for_metric(kGaps + std::to_string(gaps))) << metrics_.text();
        EXPECT_EQ(counters_after(3 + 3 * gaps)["gaps|mail_log"], gaps);
    }
    end();
    begin();
    EXPECT_TRUE(wait_for_metric(kGaps + std::string{"2"})) << "counted once: " << metrics_.text();
    std::this_thread::sleep_for(100ms);
    EXPECT_EQ(counters_after(9)["gaps|mail_log"], 2u);
}

}   // namespace
}   // namespace mailcore::outcomes::test
