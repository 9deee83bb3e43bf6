// Who counts a message, when, and what it costs that is refused elsewhere.

#include "core/gate/meter.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/config/load.hpp"
#include "core/rules/compile.hpp"
#include "core/rules/decide.hpp"
#include "tests/unit/core/gate/memory_limits.hpp"

namespace mailcore::gate {
namespace {

using mail::Action;
using mail::Reason;
using mail::Stage;
using mailcore::testing::MemoryLimits;

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};
constexpr rules::Rate kTwo{2, std::chrono::minutes{1}, 2};

constexpr auto kTwoAMinute = R"(
tenants:
  acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, limits: [{messages: 2, per: 1m}]}
  free: {clients: [10.0.0.2], senders: ["@free.test"], from: off}
)";

rules::Ruleset rules_of(std::string const& yaml)
{
    config::Diagnostics problems;
    auto const settings = config::load_text("test.yaml", yaml, problems);
    auto ruleset = rules::compile(settings, nullptr, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return ruleset;
}

class MeterTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        directory_ = ::testing::TempDir() + "meter_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        auto notes = store::Notes::open(directory_, "limit-receipts");
        ASSERT_TRUE(notes) << notes.error().message;
        notes_.emplace(std::move(*notes));
        auto log = observe::Log::open("test", "info", "json", directory_ + "/log");
        ASSERT_TRUE(log);
        log_.emplace(std::move(*log));
        use({});
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void use(Meter::Options options) { meter_.emplace(options, store_, *notes_, *log_, metrics_); }
    void use_rules(std::string const& yaml) { ruleset_ = rules_of(yaml); }

    mail::Request request(Stage stage, std::string const& queue_id = "4jW")
    {
        mail::Request made;
        made.stage = stage;
        made.client = "10.0.0.1";
        made.client_address = net::IpAddress::parse("10.0.0.1").value();
        made.sender.set("a@acme.test");
        made.recipients.add().set("user@example.com");
        made.recipient_count = 1;
        made.queue_id = queue_id;
        if (stage == Stage::EndOfMessage) {
            made.daemon = mail::Daemon::Milter;
            made.message.emplace();
        }
        return made;
    }

    mail::Verdict policy(Stage stage, std::string const& queue_id = "4jW", bool is_new = true)
    {
        request_ = request(stage, queue_id);
        return meter_->at_policy(ruleset_, request_, rules::decide(ruleset_, request_), is_new, kNow);
    }
    mail::Verdict end(std::string const& queue_id = "4jW", std::optional<mail::Verdict> refused = std::nullopt)
    {
        request_ = request(Stage::EndOfMessage, queue_id);
        return meter_->at_end(ruleset_, request_, refused.value_or(rules::decide(ruleset_, request_)), kNow, receipt_);
    }
    std::uint64_t used() { return store_.used("acme messages/1m", kTwo, kNow); }

    std::string directory_;
    MemoryLimits store_;
    std::optional<store::Notes> notes_;
    std::optional<observe::Log> log_;
    observe::Metrics metrics_{"test", "1"};
    std::optional<Meter> meter_;
    rules::Ruleset ruleset_ = rules_of(kTwoAMinute);
    mail::Request request_;
    rules::Receipt receipt_;
};

mail::Verdict ticket_missing()
{
    mail::Verdict verdict;
    verdict.action = Action::Reject;
    verdict.reason = Reason::TicketMissing;
    verdict.tenant = "acme";
    return verdict;
}

// --- count_at: milter

TEST_F(MeterTest, TheMilterCountsAtTheEndAndRefusesWhatIsTooMuch)
{
    EXPECT_EQ(end("1").action, Action::Pass);
    EXPECT_EQ(end("2").action, Action::Pass);
    auto const third = end("3");
    EXPECT_EQ(third.reason, Reason::LimitExceeded);
    EXPECT_EQ(third.limit, "2 messages per 1m");
    EXPECT_EQ(mail::to_string(third.reply), "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 30 s (limit_exceeded)");
    EXPECT_EQ(third.tenant, "acme");
}

TEST_F(MeterTest, ThePolicyDaemonOnlyLooksAndRefusesEarlyWhatIsHopeless)
{
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(policy(Stage::Rcpt).action, Action::Pass);
        EXPECT_EQ(policy(Stage::Data).action, Action::Pass);
    }
    EXPECT_EQ(used(), 0u);
    end("1");
    end("2");
    EXPECT_EQ(policy(Stage::Rcpt).reason, Reason::LimitExceeded);
    EXPECT_EQ(policy(Stage::Data).reason, Reason::LimitExceeded);
    EXPECT_EQ(used(), 2u);
}

TEST_F(MeterTest, TheStoreIsAskedOnceForAMessage)
{
    policy(Stage::Mail);
    EXPECT_EQ(store_.reads, 0u);
    policy(Stage::Rcpt);
    for (int i = 0; i < 100; ++i) policy(Stage::Rcpt, "4jW", false);
    EXPECT_EQ(store_.reads, 1u);
    policy(Stage::Data, "4jW", false);
    EXPECT_EQ(store_.reads, 1u);
    policy(Stage::Data);   // where Postfix asks at DATA only
    EXPECT_EQ(store_.reads, 2u);
    EXPECT_EQ(store_.takes, 0u);
}

TEST_F(MeterTest, WhatIsRefusedForAnotherReasonCostsNothing)
{
    EXPECT_EQ(end("1", ticket_missing()).reason, Reason::TicketMissing);
    EXPECT_EQ(used(), 0u);
    EXPECT_EQ(store_.takes, 0u);
}

TEST_F(MeterTest, WhatTheMilterCouldNotEditIsGivenBack)
{
    end("1");
    EXPECT_EQ(used(), 1u);
    meter_->give_back(receipt_, kNow);
    EXPECT_EQ(used(), 0u);
    EXPECT_TRUE(receipt_.empty());
    EXPECT_EQ(metrics_.limits().given_back(), 1u);
    meter_->give_back(receipt_, kNow);
    EXPECT_EQ(metrics_.limits().given_back(), 1u) << "nothing is given back twice";
}

TEST_F(MeterTest, HeldMailIsCounted)
{
    mail::Verdict held;
    held.action = Action::Hold;
    held.tenant = "acme";
    EXPECT_EQ(end("1", held).action, Action::Hold);
    EXPECT_EQ(used(), 1u);
}

TEST_F(MeterTest, LocalMailAndMailWithoutLimitsAskNobody)
{
    request_ = request(Stage::EndOfMessage);
    request_.local = true;
    meter_->at_end(ruleset_, request_, {}, kNow, receipt_);
    mail::Verdict other;
    other.tenant = "free";
    end("2", other);
    end("3", mail::Verdict{});   // observed, without a tenant
    EXPECT_EQ(store_.takes, 0u);
}

TEST_F(MeterTest, AnObservedTenantPassesAndTheVerdictSaysWhatItWouldHaveBeen)
{
    use_rules(R"(tenants: {acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, mode: observe, limits: [{messages: 2, per: 1m}]}})");
    end("1");
    end("2");
    auto const third = end("3");
    EXPECT_EQ(third.action, Action::Pass);
    EXPECT_EQ(third.would, Action::Defer);
    EXPECT_EQ(third.reason, Reason::LimitExceeded);
}

// --- count_at: policy

TEST_F(MeterTest, ThePolicyDaemonCountsAtDataAndTheMilterDoesNotCountAgain)
{
    use({.policy_counts = true});
    policy(Stage::Rcpt, "1");
    EXPECT_EQ(used(), 0u);
    EXPECT_EQ(policy(Stage::Data, "1").action, Action::Pass);
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(end("1").action, Action::Pass);
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(notes_->size(), 0u) << "the note is used up";
}

TEST_F(MeterTest, TheMilterGivesBackByQueueIdWhatItRefuses)
{
    use({.policy_counts = true});
    policy(Stage::Data, "1");
    policy(Stage::Data, "2");
    end("1", ticket_missing());
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(end("2").action, Action::Pass);
    EXPECT_EQ(used(), 1u);
}

TEST_F(MeterTest, AMessageGivenUpAfterDataIsGivenBack)
{
    use({.policy_counts = true});
    policy(Stage::Data, "1");
    meter_->given_up("1", kNow);
    EXPECT_EQ(used(), 0u);
    meter_->given_up("1", kNow);   // and again: harmless
    meter_->given_up("", kNow);
    EXPECT_EQ(used(), 0u);
}

TEST_F(MeterTest, WhatThePolicyDaemonCouldNotCountIsCountedByTheMilter)
{
    use({.policy_counts = true});
    EXPECT_EQ(end("1").action, Action::Pass);   // several tenants at DATA, or the policy daemon was away
    EXPECT_EQ(used(), 1u);
}

TEST_F(MeterTest, TheMilterLooksAtMailWhereThePolicyDaemonCounts)
{
    use({.policy_counts = true});
    policy(Stage::Data, "1");
    policy(Stage::Data, "2");
    request_ = request(Stage::Mail);
    EXPECT_EQ(meter_->at_mail(ruleset_, request_, rules::decide(ruleset_, request_), kNow).reason, Reason::LimitExceeded);
    use({});
    EXPECT_EQ(meter_->at_mail(ruleset_, request_, rules::decide(ruleset_, request_), kNow).action, Action::Pass);
}

TEST_F(MeterTest, ADataThatIsSaidAgainIsCountedOnce)
{
    use({.policy_counts = true});
    for (int i = 0; i < 4; ++i) EXPECT_EQ(policy(Stage::Data, "1").action, Action::Pass) << i;
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(policy(Stage::Data, "1").action, Action::Pass);
    end("1", ticket_missing());
    EXPECT_EQ(used(), 0u);
}

TEST_F(MeterTest, WhatNoMilterAskedForInTenMinutesIsGivenBack)
{
    use_rules(R"(tenants: {acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, limits: [{messages: 2, per: 1d}]}})");
    use({.policy_counts = true});
    rules::Rate const rate{2, std::chrono::hours{24}, 2};
    auto const used_after = [&](std::chrono::minutes time) {
        meter_->keep(ruleset_, kNow + time);
        return store_.used("acme messages/1d", rate, kNow + time);
    };
    policy(Stage::Data, "1");
    EXPECT_EQ(used_after(std::chrono::minutes{10}), 1u);
    EXPECT_EQ(used_after(std::chrono::minutes{11}), 0u);
    EXPECT_EQ(notes_->size(), 0u);
    request_ = request(Stage::EndOfMessage, "1");
    auto const later = kNow + std::chrono::minutes{11};
    meter_->at_end(ruleset_, request_, rules::decide(ruleset_, request_), later, receipt_);
    EXPECT_EQ(store_.used("acme messages/1d", rate, later), 1u) << "a message that took longer is counted at its end";
}

TEST_F(MeterTest, AMilterThatCountsTakesOverWhatThePolicyDaemonHasCounted)
{
    use({.policy_counts = true});
    policy(Stage::Data, "1");
    use({});
    EXPECT_EQ(end("1").action, Action::Pass);
    EXPECT_EQ(used(), 1u);
    use({.policy_counts = true});
    policy(Stage::Data, "2");
    use({});
    end("2", ticket_missing());
    EXPECT_EQ(used(), 1u);
}

TEST_F(MeterTest, WhatBothDaemonsCountedIsGivenBackWhereTheEditsFail)
{
    use_rules(R"(tenants: {acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, limits: [{messages: 2, per: 1m}, {bytes: 1MiB, per: 1m}]}})");
    use({.policy_counts = true});
    rules::Rate const bytes{1u << 20u, std::chrono::minutes{1}, 1u << 20u};
    policy(Stage::Data, "1");
    request_ = request(Stage::EndOfMessage, "1");
    request_.size = 1000;
    EXPECT_EQ(meter_->at_end(ruleset_, request_, rules::decide(ruleset_, request_), kNow, receipt_).action, Action::Pass);
    EXPECT_EQ(used(), 1u);
    EXPECT_EQ(store_.used("acme bytes/1m", bytes, kNow), 1000u);
    meter_->give_back(receipt_, kNow);
    EXPECT_EQ(used(), 0u);
    EXPECT_EQ(store_.used("acme bytes/1m", bytes, kNow), 0u);
}

// --- the store fails

TEST_F(MeterTest, WithOnErrorPassMailPassesUncounted)
{
    store_.broken = true;
    EXPECT_EQ(policy(Stage::Rcpt).action, Action::Pass);
    EXPECT_EQ(end("1").action, Action::Pass);
    EXPECT_EQ(end("1").tenant, "acme") << "and is stamped";
}

TEST_F(MeterTest, WithOnErrorDeferMailWaits)
{
    use({.defer_on_error = true});
    store_.broken = true;
    EXPECT_EQ(mail::to_string(policy(Stage::Rcpt).reply), "451 4.3.0 Mail gate in trouble, try again later (internal_error)");
    EXPECT_EQ(end("1").reason, Reason::InternalError);
    EXPECT_EQ(end("1").tenant, "acme") << "whose mail waits is known";
    EXPECT_EQ(end("1", ticket_missing()).reason, Reason::TicketMissing) << "what is refused anyway asks no store";
}

// A full table counts what it holds: what is new is for on_error, and no more than that.
TEST_F(MeterTest, WhereTheStoreHasNoRoomForASenderTheTenantsOwnLimitGoesOn)
{
    use_rules(R"(tenants: {acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, limits: [{messages: 2, per: 1m}, {messages: 9, per: 1m, key: sender}]}})");
    store_.no_room_for = "acme messages/1m/sender a@acme.test";
    EXPECT_EQ(end("1").action, Action::Pass);
    EXPECT_EQ(end("2").action, Action::Pass);
    EXPECT_EQ(end("3").reason, Reason::LimitExceeded);
    EXPECT_EQ(used(), 2u);
}

TEST_F(MeterTest, WithOnErrorDeferWhatTheStoreHasNoRoomForWaitsAndCostsNothing)
{
    use_rules(R"(tenants: {acme: {clients: [10.0.0.1], senders: ["@acme.test"], from: off, limits: [{messages: 2, per: 1m}, {messages: 9, per: 1m, key: sender}]}})");
    use({.defer_on_error = true});
    store_.no_room_for = "acme messages/1m/sender a@acme.test";
    for (int i = 0; i < 5; ++i) EXPECT_EQ(end("1").reason, Reason::InternalError);
    EXPECT_EQ(used(), 0u);
}

TEST_F(MeterTest, ReceiptsThatCannotBeLeftAreToldOnceAMinute)
{
    use({.policy_counts = true});
    for (int i = 0; i < 5; ++i) policy(Stage::Data, std::string(600, 'Q'));   // no key of the table
    std::ifstream log{directory_ + "/log"};
    std::string const text{std::istreambuf_iterator<char>{log}, {}};
    auto const first = text.find("limit_receipt_failed");
    ASSERT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find("limit_receipt_failed", first + 1), std::string::npos) << text;
}

TEST_F(MeterTest, ShowsHowFullALimitIs)
{
    end("1");
    auto const fills = metrics_.limits().fills(kNow);
    ASSERT_EQ(fills.size(), 1u);
    EXPECT_EQ(fills[0].tenant, "acme");
    EXPECT_EQ(fills[0].limit, "2 messages per 1m");
    EXPECT_DOUBLE_EQ(fills[0].level, 0.5);
}

TEST_F(MeterTest, ShowsNoFillOfALimitThatWasResetElsewhere)
{
    end("1");
    store_.reset("acme ");
    EXPECT_EQ(metrics_.limits().fills(kNow).size(), 1u);
    meter_->keep(ruleset_, kNow);
    EXPECT_TRUE(metrics_.limits().fills(kNow).empty());
    auto const reads = store_.reads;
    meter_->keep(ruleset_, kNow);
    EXPECT_EQ(store_.reads, reads) << "where nothing is used the store is left alone";
}

TEST_F(MeterTest, ShowsTheFillAfterWhatWasGivenBack)
{
    end("1");
    auto first = std::exchange(receipt_, {});
    end("2");
    meter_->give_back(receipt_, kNow);
    meter_->keep(ruleset_, kNow);
    EXPECT_DOUBLE_EQ(metrics_.limits().fills(kNow).at(0).level, 0.5);
}

}   // namespace
}   // namespace mailcore::gate
