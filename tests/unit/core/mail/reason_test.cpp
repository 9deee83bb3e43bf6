#include "core/mail/reason.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "core/base/text.hpp"
#include "core/mail/smtp_reply.hpp"

namespace mailcore::mail {
namespace {

std::string reply(Action action, Reason reason) { return to_string(reply_for(action, reason)); }

TEST(Reply, HasTheContractsCodes)
{
    EXPECT_EQ(reply(Action::Reject, Reason::SenderNotAllowed), "554 5.7.1 Sender not allowed for this client (sender_not_allowed)");
    EXPECT_EQ(reply(Action::Reject, Reason::SizeExceeded), "552 5.3.4 Message larger than the tenant may send (size_exceeded)");
    EXPECT_EQ(reply(Action::Defer, Reason::LimitExceeded), "450 4.7.1 Sending limit reached (limit_exceeded)");
    EXPECT_EQ(reply(Action::Reject, Reason::LimitExceeded), "554 5.7.1 Sending limit reached (limit_exceeded)");
    EXPECT_EQ(reply(Action::Defer, Reason::InternalError), "451 4.3.0 Mail gate in trouble, try again later (internal_error)");
}

TEST(Reply, IsEmptyWhenMailPasses)
{
    EXPECT_EQ(reply(Action::Pass, Reason::Ok), "");
    EXPECT_EQ(reply(Action::Pass, Reason::SenderNotAllowed), "");
    EXPECT_EQ(reply(Action::Hold, Reason::Rule), "");
}

TEST(Reply, SaysWhenToTryAgainBeforeTheWord)
{
    auto deferral = reply_for(Action::Defer, Reason::LimitExceeded);
    deferral.retry_after = 12;
    EXPECT_EQ(to_string(deferral), "450 4.7.1 Sending limit reached; try again in 12 s (limit_exceeded)");
    deferral.text = "Sending limit reached: 5 messages per 1h, 2 at once (or so) (limit_exceeded)";
    deferral.retry_after = 4'294'967'295;
    EXPECT_EQ(to_string(deferral),
              "450 4.7.1 Sending limit reached: 5 messages per 1h, 2 at once (or so); try again in 4294967295 s (limit_exceeded)");
    std::string out = "action=";
    append_text(out, reply_for(Action::Defer, Reason::LimitExceeded));
    EXPECT_EQ(out, "action=Sending limit reached (limit_exceeded)") << "nothing is said where no time is known";
}

TEST(Reply, IsPrintableAsciiAndEndsInTheWord)
{
    for (int i = 0; i < kReasons; ++i) {
        auto const reason = static_cast<Reason>(i);
        if (reason == Reason::Ok) continue;
        auto const text = std::string{reply_for(Action::Reject, reason).text};
        EXPECT_TRUE(text.ends_with("(" + std::string{word(reason)} + ")")) << text;
        EXPECT_TRUE(std::all_of(text.begin(), text.end(), base::is_printable_ascii)) << text;
        EXPECT_EQ(text.find('%'), std::string::npos) << "Postfix and libmilter read % as a format";
        EXPECT_LE(text.size(), 320u);
    }
}

TEST(ReasonWord, DiffersForEach)
{
    std::set<std::string_view> words;
    for (int i = 0; i < kReasons; ++i) words.insert(word(static_cast<Reason>(i)));
    EXPECT_EQ(words.size(), static_cast<std::size_t>(kReasons));
    EXPECT_TRUE(words.contains("ok"));
    EXPECT_FALSE(words.contains(""));
}

TEST(ActionWord, IsTheContracts)
{
    EXPECT_EQ(word(Action::Pass), "pass");
    EXPECT_EQ(word(Action::Reject), "reject");
    EXPECT_EQ(word(Action::Defer), "defer");
    EXPECT_EQ(word(Action::Hold), "hold");
}

}   // namespace
}   // namespace mailcore::mail
