// The loop that reads both logs, on real files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "outcomes/service.hpp"
#include "outcomes/store/database.hpp"
#include "tests/unit/outcomes/join/story.hpp"

namespace mailcore::outcomes::test {
namespace {

using namespace std::chrono_literals;
using Counters = std::map<std::string, std::uint64_t>;

class Loop : public ::testing::Test {
protected:
    Loop() : log_{*observe::Log::open("test", "error", "text", "stderr")}
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
        if (service_) service_->stop();
        if (thread_.joinable()) thread_.join();
    }

    void begin()
    {
        auto opened = OutcomesService::open(options_, log_, metrics_);
        ASSERT_TRUE(opened) << opened.error().message;
        service_ = std::move(*opened);
        thread_ = std::thread{[this] { EXPECT_TRUE(service_->serve()); }};
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
    EXPECT_THAT(served.error().message, testing::StartsWith("standard input cannot be read again: " + options_.store_path + ": "));
}

}   // namespace
}   // namespace mailcore::outcomes::test
