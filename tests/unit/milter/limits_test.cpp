// What a session does about limits and suspensions: it counts last, and gives back what did not pass after all.

#include <filesystem>

#include "tests/unit/core/gate/memory_limits.hpp"
#include "tests/unit/milter/milter_language.hpp"

namespace mailcore::milter::testing {
namespace {

using mail::Reason;

constexpr auto kTwoAMinute =
    "tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], from: off, ticket: {required: true}, limits: [{messages: 2, per: 1m}]}}";
constexpr rules::Rate kTwo{2, std::chrono::minutes{1}, 2};

class SessionLimits : public ::testing::Test {
protected:
    void SetUp() override
    {
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

    void use(gate::Meter::Options options) { meter_.emplace(options, store_, *notes_, *log_, metrics_); }
    void open(Mta& mta)
    {
        mta.session.open(Body::Unseen, {&*meter_, &suspensions_});
        mta.connect("10.0.0.1");
    }
    void suspend(std::string const& tenant)
    {
        rules::Suspensions now;
        now.merge(tenant, {true, kNow, "invoice 4711"});
        suspensions_.replace(std::make_shared<rules::Suspensions const>(now));
    }
    std::uint64_t used() { return store_.used("acme messages/1m", kTwo, kNow); }

    // Its own for each test: ctest runs each as a process beside the others.
    std::string directory_ = ::testing::TempDir() + "session_limits_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    mailcore::testing::MemoryLimits store_;
    std::optional<store::Notes> notes_;
    std::optional<observe::Log> log_;
    observe::Metrics metrics_{"test", "1"};
    std::optional<gate::Meter> meter_;
    run::Snapshot<rules::Suspensions> suspensions_{std::make_shared<rules::Suspensions const>()};
};

Letter const kWithTicket{.headers = {{"X-KeyBuzz-Ticket", "T-1"}}};

Outcome over_the_limit()
{
    return {.action = mail::Action::Defer, .reason = Reason::LimitExceeded, .tenant = "acme", .ticket = "T-1"};
}

TEST_F(SessionLimits, TheThirdMessageOfTwoIsDeferred)
{
    Mta mta{rules(kTwoAMinute)};
    open(mta);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(mta.send(kWithTicket).action, mail::Action::Pass);
    EXPECT_EQ(mta.send(kWithTicket), over_the_limit());
}

TEST_F(SessionLimits, WhatIsRefusedOrGivenUpCostsNothing)
{
    Mta mta{rules(kTwoAMinute)};
    open(mta);
    EXPECT_EQ(mta.send(), rejected(Reason::TicketMissing, "acme"));
    EXPECT_EQ(mta.send({.from = "<a@evil.test>"}), rejected(Reason::SenderNotAllowed));
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.give_up_message(kNow);
    EXPECT_EQ(used(), 0u);
}

TEST_F(SessionLimits, WhatCannotBeSignedIsGivenBack)
{
    Mta mta{rules(kTwoAMinute, some_keys())};
    open(mta);
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Ticket", "T-1"}, {"Message-ID", "<1\r2@acme.test>"}}}), deferred());
    EXPECT_EQ(used(), 0u);
}

TEST_F(SessionLimits, WhatTheMailServerDoesNotTakeIsGivenBack)
{
    Mta mta{rules(kTwoAMinute)};
    open(mta);
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.add_header("X-KeyBuzz-Ticket", "T-1");
    EXPECT_EQ(mta.session.end_message({.queue_id = "4jW"}, kNow).verdict.action, mail::Action::Pass);
    EXPECT_EQ(used(), 1u);
    mta.session.uncount(kNow);
    EXPECT_EQ(used(), 0u);
}

TEST_F(SessionLimits, AMessageGivenUpAfterThePolicyDaemonCountedItIsGivenBack)
{
    use({.policy_counts = true});
    auto const ruleset = rules(kTwoAMinute);
    Mta mta{ruleset};
    open(mta);
    mail::Request at_data;
    at_data.stage = mail::Stage::Data;
    at_data.queue_id = "4jW";
    mail::Verdict verdict;
    verdict.tenant = "acme";
    meter_->at_policy(*ruleset, at_data, verdict, true, kNow);
    EXPECT_EQ(used(), 1u);
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.begin_data("4jW");
    mta.session.give_up_message(kNow);
    EXPECT_EQ(used(), 0u);
}

TEST_F(SessionLimits, AMessageThatCannotBeReliedOnGetsBackWhatThePolicyDaemonCounted)
{
    use({.policy_counts = true});
    auto const ruleset = rules(kTwoAMinute);
    Mta mta{ruleset};
    open(mta);
    mail::Request at_data;
    at_data.stage = mail::Stage::Data;
    at_data.queue_id = "4jW";
    mail::Verdict verdict;
    verdict.tenant = "acme";
    meter_->at_policy(*ruleset, at_data, verdict, true, kNow);
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.begin_data("4jW");
    for (int i = 0; i <= MilterSession::kMaxCopies; ++i) mta.session.add_header("X-KeyBuzz-Ticket", "T-1");
    EXPECT_EQ(mta.session.end_message({.queue_id = "4jW"}, kNow).verdict.action, mail::Action::Defer);
    EXPECT_EQ(used(), 0u);
}

TEST_F(SessionLimits, AStoreThatFailsLeavesTheMessageToOnError)
{
    store_.broken = true;
    Mta mta{rules(kTwoAMinute)};
    open(mta);
    EXPECT_EQ(mta.send(kWithTicket).action, mail::Action::Pass);
    use({.defer_on_error = true});
    open(mta);
    EXPECT_EQ(mta.send(kWithTicket).reason, Reason::InternalError);
}

TEST_F(SessionLimits, ASuspensionIsSeenByTheNextStepOfAMessageUnderWay)
{
    Mta mta{rules(kTwoAMinute)};
    open(mta);
    mta.mail("<a@acme.test>");
    EXPECT_EQ(mta.rcpt("<user@example.com>").verdict.action, mail::Action::Pass);
    suspend("acme");
    EXPECT_EQ(mta.rcpt("<user2@example.com>").verdict.reason, Reason::TenantSuspended);
    EXPECT_EQ(mta.send(kWithTicket).reason, Reason::TenantSuspended);
    EXPECT_EQ(used(), 0u);
}

}   // namespace
}   // namespace mailcore::milter::testing
