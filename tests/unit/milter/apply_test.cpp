#include "milter/apply.hpp"

#include <gtest/gtest.h>

#include "tests/unit/milter/fake_libmilter.hpp"

namespace mailcore::milter {
namespace {

using Done = std::vector<std::string>;

mail::Verdict rejecting(std::string_view text, std::string_view code = "554", std::string_view enhanced = "5.7.1")
{
    mail::Verdict verdict;
    verdict.action = mail::Action::Reject;
    verdict.reason = mail::Reason::Rule;
    verdict.reply = {.code = code, .enhanced = enhanced, .text = text};
    return verdict;
}

class Apply : public ::testing::Test {
protected:
    Applied end(Answer const& answer) { return apply_end(&context_, answer, log_); }

    SMFICTX context_;
    observe::Log log_ = std::move(*observe::Log::open("milter_test", "error", "text", "/dev/null"));
    std::vector<Removal> removals_{{.name = "X-Stamp", .copies = 3}, {.name = "X-Claim", .copies = 1}};
    std::vector<Addition> additions_{{"X-Tenant", "acme"}};
};

TEST_F(Apply, ARefusalCarriesItsReply)
{
    auto const applied = apply_reply(&context_, rejecting("Not served here (rule)"));
    EXPECT_EQ(applied.status, SMFIS_REJECT);
    EXPECT_EQ(context_.done, Done{"reply 554 5.7.1 Not served here (rule)"});
}

TEST_F(Apply, ADeferralIsATemporaryFailure)
{
    auto verdict = rejecting("Too many (limit_exceeded)", "450", "4.7.1");
    verdict.action = mail::Action::Defer;
    EXPECT_EQ(apply_reply(&context_, verdict).status, SMFIS_TEMPFAIL);
    EXPECT_EQ(context_.done, Done{"reply 450 4.7.1 Too many (limit_exceeded)"});
}

TEST_F(Apply, PercentSignsAreDoubled)
{
    apply_reply(&context_, rejecting("100% of 5%% (rule)"));
    EXPECT_EQ(context_.done, Done{"reply 554 5.7.1 100%% of 5%%%% (rule)"});
}

TEST_F(Apply, AReplyWhoseFirstDigitDoesNotFitBecomesOurOwnFailure)
{
    auto const applied = apply_reply(&context_, rejecting("odd (rule)", "450", "4.7.1"));
    EXPECT_EQ(applied.status, SMFIS_TEMPFAIL);
    EXPECT_EQ(applied.verdict.reason, mail::Reason::InternalError);
    ASSERT_EQ(context_.done.size(), 1u);
    EXPECT_TRUE(context_.done.front().starts_with("reply 451 4.3.0 ")) << context_.done.front();
}

TEST_F(Apply, AReplyThatLibmilterRefusesStillRefusesTheMail)
{
    context_.failing = {"reply"};
    auto const applied = apply_reply(&context_, rejecting("x (rule)"));
    EXPECT_EQ(applied.status, SMFIS_TEMPFAIL);
    EXPECT_EQ(applied.verdict.action, mail::Action::Defer);
}

TEST_F(Apply, AHoldIsNothingBeforeTheEnd)
{
    mail::Verdict verdict;
    verdict.action = mail::Action::Hold;
    EXPECT_EQ(apply_reply(&context_, verdict).status, SMFIS_CONTINUE);
    EXPECT_EQ(context_.done, Done{});
}

TEST_F(Apply, StripsFromTheHighestIndexThenAdds)
{
    auto const applied = end({.verdict = {}, .edits = {removals_, additions_, 4}});
    EXPECT_EQ(applied.status, SMFIS_CONTINUE);
    EXPECT_EQ(applied.forged_headers_removed, 4u);
    EXPECT_EQ(context_.done, (Done{"chgheader X-Stamp 3", "chgheader X-Stamp 2", "chgheader X-Stamp 1", "chgheader X-Claim 1",
                                   "addheader X-Tenant: acme"}));
}

TEST_F(Apply, AHeldMessageIsStrippedAndStampedAndQuarantined)
{
    Answer answer{.verdict = {}, .edits = {removals_, additions_, 4}};
    answer.verdict.action = mail::Action::Hold;
    answer.verdict.rule = "look";
    EXPECT_EQ(end(answer).status, SMFIS_CONTINUE);
    EXPECT_EQ(context_.done.back(), "quarantine mailcore: rule look");
    EXPECT_EQ(context_.done.size(), 6u);
}

TEST_F(Apply, WhatCannotBeStrippedIsDeferred)
{
    context_.failing = {"chgheader"};
    auto const applied = end({.verdict = {}, .edits = {removals_, additions_, 4}});
    EXPECT_EQ(applied.status, SMFIS_TEMPFAIL);
    EXPECT_EQ(applied.verdict.reason, mail::Reason::InternalError);
    EXPECT_EQ(applied.forged_headers_removed, 0u);
}

TEST_F(Apply, WhatCannotBeAddedOrHeldIsDeferred)
{
    context_.failing = {"addheader"};
    EXPECT_EQ(end({.verdict = {}, .edits = {{}, additions_, 0}}).status, SMFIS_TEMPFAIL);
    context_.failing = {"quarantine"};
    Answer held;
    held.verdict.action = mail::Action::Hold;
    EXPECT_EQ(end(held).status, SMFIS_TEMPFAIL);
}

TEST_F(Apply, NeverAddsWhatIsNotOneLineOfAscii)
{
    for (std::string const value : {"caf\xc3\xa9", "two\nlines", "tab\there", "nul\x01"}) {
        additions_ = {{"X-Tenant", value}};
        EXPECT_EQ(end({.verdict = {}, .edits = {{}, additions_, 0}}).status, SMFIS_TEMPFAIL) << value;
    }
    additions_ = {{"X-Tenant", std::string(1000, 'x')}};
    EXPECT_EQ(end({.verdict = {}, .edits = {{}, additions_, 0}}).status, SMFIS_TEMPFAIL);
    EXPECT_TRUE(std::none_of(context_.done.begin(), context_.done.end(), [](auto const& call) { return call.starts_with("addheader"); }));
}

TEST_F(Apply, ARefusalAtTheEndChangesNothing)
{
    EXPECT_EQ(end({.verdict = rejecting("no (rule)"), .edits = {removals_, additions_, 4}}).status, SMFIS_REJECT);
    EXPECT_EQ(context_.done, Done{"reply 554 5.7.1 no (rule)"});
}

}   // namespace
}   // namespace mailcore::milter
