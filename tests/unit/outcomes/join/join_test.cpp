// What becomes of messages, told as stories: one for each rule of the join.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "story.hpp"

namespace mailcore::outcomes::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto Q = "4jWYs717qcz8lWc";        // the message
constexpr auto R = "4jWYs80Gz8z9Qn1";        // what comes of it: a bounce, a hop
constexpr auto S = "4jWYs9XyZ1z9Qn2";

constexpr auto kSes = "email-smtp.eu-west-1.amazonaws.com[192.0.2.7]:587";
constexpr auto kFilter = "127.0.0.1[127.0.0.1]:10024";

// --- One message, one recipient

TEST(Join, TellsABounceWithTheTicketOfItsMessage)
{
    Story story;
    story.gate(Q, {.ticket = "ticket_smtp_test_001", .recipient = "bounce@example.com"}).arrives(Q);
    story.delivery(Q, "bounce@example.com", "bounced", "5.1.1", "host mx.example said: 550 5.1.1 no such user (in reply to RCPT TO command)", kSes);
    story.postfix("cleanup", std::string{R} + ": message-id=<bounce@mx>");
    story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + R);
    story.removed(Q);

    auto const told = "BOUNCED bounce@example.com 5.1.1 x1 SES kbz_test/ticket_smtp_test_001 " + std::string{Q};
    auto const reason = ": host mx.example said: 550 5.1.1 no such user (in reply to RCPT TO command)";
    EXPECT_THAT(story.rows({.ticket = "ticket_smtp_test_001"}), ElementsAre(told + " bounce " + R + reason));
    EXPECT_THAT(story.events(), ElementsAre(told + reason)) << "told when it was known, before the notification was written";
    EXPECT_EQ(story.counter("failed|SES|kbz_test"), 1u);
}

TEST(Join, TellsAllThatTheContractNames)
{
    Story story;
    story.gate(Q, {.ticket = "t/1", .recipient = "anna@example.com"}).arrives(Q);
    story.delivery(Q, "anna@example.com", "sent", "2.0.0", "250 Ok 0102", kSes);
    auto const sent_at = story.now();
    story.removed(Q).commit();
    auto const due = story.store().take_due(story.now(), 10).value();
    ASSERT_THAT(due, SizeIs(1));
    auto const& outcome = due.front().outcome;
    EXPECT_EQ(outcome.tenant_id, "kbz_test");
    EXPECT_EQ(outcome.ticket_id, "t/1");
    EXPECT_EQ(outcome.message_id, "<1@app.test>");
    EXPECT_EQ(outcome.queue_id, Q);
    EXPECT_EQ(outcome.sender, "amazon@inbound.keybuzz.io");
    EXPECT_EQ(outcome.relay, kSes);
    EXPECT_EQ(outcome.postfix_instance, "postfix");
    EXPECT_EQ(outcome.sent_at, sent_at);
    EXPECT_EQ(outcome.event_id, event_id_of(outcome, sent_at));
    EXPECT_EQ(story.store().query({}).value().outcomes.front(), outcome) << "the store says the same as the event";
}

TEST(Join, CountsAttemptsAndKeepsTheLastReason)
{
    Story story;
    story.gate(Q).arrives(Q);
    for (auto const* reason : {"first", "second", "third"}) {
        story.delivery(Q, "anna@example.com", "deferred", "4.4.1", std::string{"connect to mx.example[192.0.2.1]:25: "} + reason, "none").wait(std::chrono::minutes{5});
    }
    EXPECT_THAT(story.rows(), ElementsAre("DEFERRED anna@example.com 4.4.1 x3 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: connect to mx.example[192.0.2.1]:25: third"));
    story.sent(Q, "anna@example.com").removed(Q);
    EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com 2.0.0 x4 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_EQ(story.counter("deferred|SMTP|kbz_test"), 3u);
    EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 1u);
    EXPECT_EQ(story.counter("delay|SMTP|1"), 1u) << "0.7 s: above half a second, at most one";
    EXPECT_EQ(story.counter("delay_sum_ms|SMTP"), 700u);
}

TEST(Join, TellsADeferralAtFirstAndWhenItsCodeChanges)
{
    Story story;
    story.gate(Q).arrives(Q);
    for (auto const* dsn : {"4.4.1", "4.4.1", "4.2.2", "4.4.1"}) story.delivery(Q, "anna@example.com", "deferred", dsn, "later");
    story.delivery(Q, "anna@example.com", "SOFTBOUNCE", "5.1.1", "no such user, but soft_bounce is on");
    EXPECT_THAT(story.events(),
                ElementsAre("DEFERRED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                            "DEFERRED anna@example.com 4.2.2 x3 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                            "DEFERRED anna@example.com 4.4.1 x4 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                            "DEFERRED anna@example.com 5.1.1 x5 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: no such user, but soft_bounce is on"));
}

TEST(Join, ExpiresWhatIsStillDeferred)
{
    Story story;
    story.gate(Q, {.recipient = "", .recipients = 2}).arrives(Q, 2).sent(Q, "anna@example.com");
    story.delivery(Q, "berta@example.com", "deferred", "4.4.1", "connect to mx.example[192.0.2.1]:25: Connection timed out", "none");
    story.postfix("qmgr", std::string{Q} + ": from=<amazon@inbound.keybuzz.io>, status=expired, returned to sender");
    story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + R).removed(Q);
    EXPECT_THAT(story.rows(),
                ElementsAre("EXPIRED berta@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs80Gz8z9Qn1: "
                            "connect to mx.example[192.0.2.1]:25: Connection timed out",
                            "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_THAT(story.events(), SizeIs(3)) << "sent, deferred, expired";
    EXPECT_EQ(story.counter("failed|SMTP|kbz_test"), 1u);
    EXPECT_EQ(story.counter("deferred|SMTP|kbz_test"), 1u);
}

TEST(Join, TellsWhatAnOperatorDeletes)
{
    Story story;
    story.gate(Q).arrives(Q).delivery(Q, "anna@example.com", "deferred", "4.4.1", "later");
    story.postfix("postsuper", std::string{Q} + ": removed");
    EXPECT_THAT(story.rows(), ElementsAre("DELETED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later"));
    EXPECT_EQ(story.counter("failed|SMTP|kbz_test"), 0u) << "the operator's doing, no failure";
}

TEST(Join, KeepsAHeldMessageAcceptedUntilItIsReleasedOrDeleted)
{
    Story story;
    story.gate(Q, {.action = "hold", .recipient = "anna@example.com"});
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
    story.postfix("cleanup", std::string{Q} + ": milter-hold: END-OF-MESSAGE from app[10.0.0.250]: milter triggers HOLD action; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>");
    story.wait(std::chrono::hours{24 * 30}).look_for_losses();
    EXPECT_THAT(story.rows(), ElementsAre("ACCEPTED anna@example.com - x0 - kbz_test/ticket_1 4jWYs717qcz8lWc"));
    EXPECT_THAT(story.store().open_recipients(10).value(), SizeIs(1));
    EXPECT_THAT(story.events(), IsEmpty());
    story.postfix("postsuper", std::string{Q} + ": released from hold").postfix("postsuper", std::string{Q} + ": placed on hold");
    EXPECT_THAT(story.rows(), ElementsAre("ACCEPTED anna@example.com - x0 - kbz_test/ticket_1 4jWYs717qcz8lWc"));
    story.postfix("postsuper", std::string{Q} + ": removed");
    EXPECT_THAT(story.events(), ElementsAre("DELETED anna@example.com - x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: deleted from the queue"));
    EXPECT_THAT(story.store().open_recipients(10).value(), IsEmpty());
}

TEST(Join, FollowsAMessageThatIsPutBackUnderANewQueueId)
{
    Story story;
    story.gate(Q).arrives(Q).delivery(Q, "anna@example.com", "deferred", "4.4.1", "later");
    story.postfix("postsuper", std::string{Q} + ": requeued");
    story.postfix("pickup", std::string{R} + ": uid=102 from=<amazon@inbound.keybuzz.io> orig_id=" + Q);
    story.gate(R, {.tenant = "", .ticket = "", .recipient = "anna@example.com", .client = "127.0.0.1"});   // non_smtpd_milters
    story.postfix("cleanup", std::string{R} + ": message-id=<1@app.test>");
    story.sent(R, "anna@example.com").removed(R);
    auto const expected = ElementsAre("SENT anna@example.com 2.0.0 x2 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok");
    EXPECT_THAT(story.rows(), expected);
    EXPECT_THAT(story.rows({.queue_id = R}), expected) << "an operator may ask by either id";
    EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 1u);
    EXPECT_EQ(story.counter("sent|SMTP|"), 0u);
}

// --- Who it belongs to

TEST(Join, TellsWhatPostfixSaidBeforeTheDecisionWasRead)
{
    Story story;
    story.wait(std::chrono::seconds{-60}).gate("4jWYsOther1z9Qn7");   // of another message
    story.arrives(Q, 2);
    story.delivery(Q, "anna@example.com", "deferred", "4.4.1", "later").sent(Q, "berta@example.com");
    EXPECT_THAT(story.events(), IsEmpty());
    story.wait(std::chrono::seconds{-4}).gate(Q, {.recipient = "", .recipients = 2});   // the line is older than those read before it
    EXPECT_THAT(story.events(), ElementsAre("DEFERRED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                                            "SENT berta@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 1u);
    EXPECT_EQ(story.counter("deferred|SMTP|kbz_test"), 1u);
}

TEST(Join, TellsAMessageThatHasEndedWhenItsDecisionComesLate)
{
    Story story;
    story.arrives(Q);
    auto const decided_at = story.now();
    story.sent(Q, "anna@example.com").removed(Q).commit();
    story.wait(decided_at - story.now()).gate(Q);
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_EQ(story.counter("sent|SMTP|"), 1u) << "counted when it ended, and not again";
    EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 0u);
}

TEST(Join, TellsNothingOfMailWithoutATenant)
{
    Story story;
    story.arrives(Q).sent(Q, "root@example.com").removed(Q);
    story.gate(R, {.tenant = "", .ticket = "", .message_id = "<2@app.test>"}).arrives(R, 1, "<2@app.test>").sent(R, "root@example.com").removed(R);
    EXPECT_THAT(story.rows(), ElementsAre("SENT root@example.com 2.0.0 x1 SMTP -/- 4jWYs717qcz8lWc: 250 2.0.0 Ok",
                                          "SENT root@example.com 2.0.0 x1 SMTP -/- 4jWYs80Gz8z9Qn1: 250 2.0.0 Ok"));
    EXPECT_THAT(story.events(), IsEmpty());
    EXPECT_EQ(story.counter("sent|SMTP|"), 2u);
}

TEST(Join, TakesAReusedQueueIdForAnotherMessage)
{
    constexpr auto kShort = "A1B2C3D4E5";
    Story story;
    story.gate(kShort, {.tenant = "one", .ticket = "t1"}).arrives(kShort).sent(kShort, "anna@example.com").removed(kShort);
    story.wait(std::chrono::seconds{20});
    story.gate(kShort, {.tenant = "two", .ticket = "t2", .message_id = "<2@app.test>"});
    story.wait(std::chrono::seconds{-2}).arrives(kShort, 1, "<2@app.test>").sent(kShort, "berta@example.com").removed(kShort);
    EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP one/t1 A1B2C3D4E5: 250 2.0.0 Ok",
                                          "SENT berta@example.com 2.0.0 x1 SMTP two/t2 A1B2C3D4E5: 250 2.0.0 Ok"));
}

TEST(Join, TakesAReusedQueueIdForAnotherMessageAlsoWhereNoLineEndedTheFormer)
{
    constexpr auto kShort = "A1B2C3D4E5";
    Story story;
    story.postfix("smtpd", std::string{kShort} + ": client=other[10.0.0.9]");   // and hung up; before 3.10 nothing says so
    story.wait(std::chrono::seconds{3}).arrives(kShort).gate(kShort).sent(kShort, "anna@example.com");
    EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok"));
    EXPECT_THAT(story.store().find(kShort, 10).value(), SizeIs(2));
}

TEST(Join, TakesABounceWithAReusedQueueIdForAnotherMessage)
{
    constexpr auto kShort = "A1B2C3D4E5";
    Story story;
    story.gate(kShort).arrives(kShort).sent(kShort, "anna@example.com").removed(kShort).wait(std::chrono::seconds{20});
    story.gate(Q, {.ticket = "t2", .message_id = "<2@app.test>"}).arrives(Q, 1, "<2@app.test>");
    story.delivery(Q, "nobody@example.com", "bounced", "5.1.1", "no such user");
    story.postfix("cleanup", std::string{kShort} + ": message-id=<bounce@mx>");   // no client, no pickup: Postfix writes it itself
    story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + kShort);
    story.delivery(kShort, "amazon@inbound.keybuzz.io", "bounced", "5.1.1", "no such user");
    EXPECT_THAT(story.rows(), ElementsAre("BOUNCED nobody@example.com 5.1.1 x1 SMTP kbz_test/t2 4jWYs717qcz8lWc bounce A1B2C3D4E5: no such user",
                                          "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok"));
}

TEST(Join, TellsInstancesWithEqualQueueIdsApart)
{
    struct Case {
        char const* note;
        bool decisions_first;
    };
    for (auto const& [note, decisions_first] : {Case{"Postfix's lines are read first", false}, Case{"the decisions are read first", true}}) {
        SCOPED_TRACE(note);
        Story story;
        auto const decide = [&] {
            story.gate(Q, {.tenant = "one", .ticket = "t1", .message_id = "<1@app.test>", .client = "10.0.0.1"});
            story.gate(Q, {.tenant = "two", .ticket = "t2", .message_id = "<2@app.test>", .client = "10.0.0.2"});
        };
        if (decisions_first) decide();
        story.wait(std::chrono::seconds{-4});
        story.arrives(Q, 1, "<2@app.test>", "10.0.0.2", "postfix-out").arrives(Q, 1, "<1@app.test>", "10.0.0.1");
        if (!decisions_first) story.wait(std::chrono::seconds{-4});   // what is read last was made before
        if (!decisions_first) decide();
        story.wait(std::chrono::seconds{4}).sent(Q, "anna@example.com").removed(Q);
        story.delivery(Q, "anna@example.com", "bounced", "5.1.1", "no", "mx.example[192.0.2.1]:25", "postfix-out").removed(Q, "postfix-out");
        EXPECT_THAT(story.rows(), ElementsAre("BOUNCED anna@example.com 5.1.1 x1 SMTP two/t2 4jWYs717qcz8lWc of postfix-out: no",
                                              "SENT anna@example.com 2.0.0 x1 SMTP one/t1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    }
}

TEST(Join, TakesADecisionOverWhereItsClientIsWrittenInAnotherWay)
{
    Story story;
    story.gate(Q, {.client = "2001:db8::1"}).wait(std::chrono::seconds{-2});
    story.arrives(Q, 1, "<1@app.test>", "2001:db8:0::1").sent(Q, "anna@example.com").removed(Q);
    story.wait(std::chrono::minutes{6}).look_for_losses();
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_THAT(story.rows(), SizeIs(1));
    EXPECT_EQ(story.counter("lost"), 0u);
}

TEST(Join, ReadsEachLineTwiceToNoEffect)
{
    Story story;
    story.gate(Q, {.recipient = "", .recipients = 2}).again();
    struct Line {
        char const *program, *text;
    };
    for (auto const& [program, text] : {Line{"smtpd", ": client=app[10.0.0.250]"}, Line{"cleanup", ": message-id=<1@app.test>"},
                                        Line{"qmgr", ": from=<amazon@inbound.keybuzz.io>, size=2101, nrcpt=2 (queue active)"},
                                        Line{"smtp", ": to=<anna@example.com>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (later)"},
                                        Line{"smtp", ": to=<anna@example.com>, relay=none, delay=2, delays=1/0/0/0, dsn=4.4.1, status=deferred (later)"},
                                        Line{"smtp", ": to=<berta@example.com>, relay=mx[192.0.2.1]:25, delay=2, delays=1/0/0/0, dsn=5.0.0, status=bounced (no)"},
                                        Line{"bounce", ": sender non-delivery notification: 4jWYs80Gz8z9Qn1"}, Line{"qmgr", ": removed"}}) {
        story.postfix(program, std::string{Q} + text).again();
    }
    EXPECT_THAT(story.rows(), ElementsAre("BOUNCED berta@example.com 5.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs80Gz8z9Qn1: no",
                                          "DEFERRED anna@example.com 4.4.1 x2 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later"));
    EXPECT_THAT(story.events(), SizeIs(2));
    EXPECT_EQ(story.counter("deferred|SMTP|kbz_test"), 2u);
    EXPECT_EQ(story.counter("failed|SMTP|kbz_test"), 1u);
    EXPECT_THAT(story.store().find(Q, 10).value(), SizeIs(1));
}

// --- Several recipients

TEST(Join, KeepsRecipientsApartByBothAddresses)
{
    Story story;
    story.gate(Q, {.recipient = "", .recipients = 2}).arrives(Q, 4);
    auto const expanded = [&](std::string const& to, std::string const& status) {
        story.postfix("smtp", std::string{Q} + ": to=<" + to + ">, orig_to=<all@lists.test>, relay=mx.example[192.0.2.1]:25, delay=1, "
                                               "delays=0/0/0/1, dsn=2.0.0, status=" + status);
    };
    expanded("anna@example.com", "sent (250 ok)");
    expanded("berta@example.com", "deferred (later)");
    story.sent(Q, "anna@example.com").sent(Q, "archive@example.com");   // she was also addressed herself; always_bcc
    EXPECT_THAT(story.rows(),
                ElementsAre("DEFERRED berta@example.com (for all@lists.test) 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                            "SENT anna@example.com (for all@lists.test) 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok",
                            "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok",
                            "SENT archive@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_THAT(story.rows({.recipient = "ALL@lists.test"}), SizeIs(2)) << "found by the address the application knows";
    auto events = story.events();
    EXPECT_THAT(events, SizeIs(4));
    std::sort(events.begin(), events.end());
    EXPECT_EQ(std::unique(events.begin(), events.end()), events.end());
}

TEST(Join, KnowsTheProviderByTheRelay)
{
    struct Case {
        char const *note, *program, *relay, *reason, *provider;
    };
    constexpr Case kCases[] = {
        {"a pattern", "smtp", kSes, "250 ok", "SES"},
        {"whatever its case", "smtp", "SMTP.SendGrid.NET[192.0.2.8]:587", "250 ok", "SendGrid"},
        {"any other", "smtp", "mx.example[192.0.2.1]:25", "250 ok", "SMTP"},
        {"no connection: the host is in the reason", "smtp", "none", "connect to email-smtp.us-east-1.amazonaws.com[192.0.2.7]:587: Connection timed out", "SES"},
        {"no host at all", "error", "none", "delivery temporarily suspended", "SMTP"},
        {"a mailbox", "local", "local", "delivered to mailbox", "LOCAL"},
        {"a pipe", "pipe", "dovecot", "delivered via dovecot service", "LOCAL"},
        {"a unix socket", "lmtp", "mx.test[private/dovecot-lmtp]", "250 2.0.0 saved", "LOCAL"},
        {"discard(8)", "discard", "none", "example.com", "LOCAL"},
    };
    for (auto const& one : kCases) {
        SCOPED_TRACE(one.note);
        Story story;
        story.gate(Q).arrives(Q).postfix(one.program, std::string{Q} + ": to=<anna@example.com>, relay=" + one.relay +
                                                          ", delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (" + one.reason + ")");
        story.commit();
        EXPECT_EQ(story.store().query({}).value().outcomes.at(0).provider, one.provider);
    }
}

// --- Content filters

TEST(Join, FollowsAMessageThroughAContentFilter)
{
    struct Case {
        char const* note;
        bool xforward;
        char const* instance;
    };
    for (auto const& [note, xforward, instance] : {Case{"by queued as", false, "postfix"}, Case{"by XFORWARD", true, "postfix"},
                                                   Case{"into another instance", false, "postfix-out"}}) {
        SCOPED_TRACE(note);
        Story story;
        story.gate(Q, {.recipient = "", .recipients = 2}).arrives(Q, 2);
        story.postfix("reinject/smtpd", std::string{R} + ": client=localhost[127.0.0.1]" + (xforward ? ", orig_queue_id=" + std::string{Q} : ""), instance);
        story.postfix("cleanup", std::string{R} + ": message-id=<1@app.test>", instance);
        story.postfix("qmgr", std::string{R} + ": from=<amazon@inbound.keybuzz.io>, size=2400, nrcpt=2 (queue active)", instance);
        auto const handed_over = "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as " + std::string{R};
        for (auto const* to : {"anna@example.com", "berta@example.com"}) story.delivery(Q, to, "sent", "2.0.0", handed_over, kFilter);
        story.removed(Q).commit();
        EXPECT_THAT(story.events(), IsEmpty()) << "with the filter is not with the recipient";
        EXPECT_EQ(story.store().open_recipients(10).value().at(0).count, 2u);
        story.delivery(R, "anna@example.com", "sent", "2.0.0", "250 ok", kSes, instance);
        story.delivery(R, "berta@example.com", "bounced", "5.1.1", "no such user", kSes, instance);
        story.postfix("bounce", std::string{R} + ": sender non-delivery notification: " + S, instance).removed(R, instance);
        EXPECT_THAT(story.rows(), ElementsAre("BOUNCED berta@example.com 5.1.1 x1 SES kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs9XyZ1z9Qn2: no such user",
                                              "SENT anna@example.com 2.0.0 x1 SES kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok"));
        EXPECT_THAT(story.events(), SizeIs(2));
        EXPECT_EQ(story.counter("sent|SES|kbz_test"), 1u);
        EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 0u) << "not counted twice";
        EXPECT_EQ(story.counter("delay|SES|1"), 1u);
        EXPECT_THAT(story.rows({.queue_id = R}), SizeIs(2));
    }
}

TEST(Join, FollowsAHopThatIsOverBeforeTheFilterAnswers)
{
    Story story;
    story.gate(Q).arrives(Q).arrives(R, 1, "<1@app.test>", "127.0.0.1");
    story.delivery(R, "anna@example.com", "deferred", "4.2.1", "later").delivery(R, "anna@example.com", "sent", "2.0.0", "250 ok", kSes).removed(R);
    story.delivery(Q, "anna@example.com", "sent", "2.0.0", "250 2.0.0 Ok: queued as " + std::string{R}, kFilter).removed(Q);
    EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com 2.0.0 x2 SES kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok"));
    EXPECT_THAT(story.events(), SizeIs(1));
    EXPECT_EQ(story.counter("sent|SES|kbz_test") + story.counter("sent|SES|"), 1u);
}

TEST(Join, FollowsAliasesThatAreExpandedBehindTheFilter)
{
    Story story;
    story.gate(Q, {.recipient = "team@lists.test"}).arrives(Q).arrives(R, 2, "<1@app.test>", "127.0.0.1");
    story.delivery(Q, "team@lists.test", "sent", "2.0.0", "250 2.0.0 Ok: queued as " + std::string{R}, kFilter).removed(Q);
    for (auto const* to : {"anna@example.com", "berta@example.com"}) {
        story.postfix("smtp", std::string{R} + ": to=<" + to + ">, orig_to=<team@lists.test>, relay=mx.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)");
    }
    story.removed(R);
    EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com (for team@lists.test) 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok",
                                          "SENT berta@example.com (for team@lists.test) 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok"));
}

TEST(Join, FollowsTwoFiltersOneBehindTheOther)
{
    Story story;
    story.gate(Q).arrives(Q).arrives(R, 1, "<1@app.test>", "127.0.0.1").arrives(S, 1, "<1@app.test>", "127.0.0.1");
    story.delivery(R, "anna@example.com", "sent", "2.0.0", "250 2.0.0 Ok: queued as " + std::string{S}, kFilter).removed(R);
    story.delivery(Q, "anna@example.com", "sent", "2.0.0", "250 2.0.0 Ok: queued as " + std::string{R}, kFilter).removed(Q);
    story.postfix("qmgr", std::string{S} + ": from=<amazon@inbound.keybuzz.io>, status=expired, returned to sender").removed(S);
    EXPECT_THAT(story.events(), ElementsAre("EXPIRED anna@example.com 4.4.7 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: delivery time expired"));
}

TEST(Join, FollowsMailThatAnAliasForwards)
{
    Story story;
    story.gate(Q, {.recipient = "team@local.test"}).arrives(Q);
    story.postfix("cleanup", std::string{R} + ": message-id=<1@app.test>");
    story.postfix("local", std::string{Q} + ": to=<team@local.test>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (forwarded as " + R + ")").removed(Q);
    story.postfix("smtp", std::string{R} + ": to=<anna@example.com>, orig_to=<team@local.test>, relay=mx.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no)");
    EXPECT_THAT(story.events(), ElementsAre("BOUNCED anna@example.com (for team@local.test) 5.1.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: no"));
}

TEST(Join, DeletesWithAHopWhatItCarries)
{
    Story story;
    story.gate(Q).arrives(Q).arrives(R, 1, "<1@app.test>", "127.0.0.1");
    story.delivery(Q, "anna@example.com", "sent", "2.0.0", "250 2.0.0 Ok: queued as " + std::string{R}, kFilter).removed(Q);
    story.delivery(R, "anna@example.com", "deferred", "4.4.1", "later").postfix("postsuper", std::string{R} + ": removed");
    EXPECT_THAT(story.events(), ElementsAre("DEFERRED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later",
                                            "DELETED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later"));
}

TEST(Join, BelievesNoServerThatNamesAnothersQueueId)
{
    struct Case {
        char const* note;
        std::function<void(Story&)> other;
    };
    Case const cases[] = {
        {"no such message", [](Story&) {}},
        {"another tenant's", [](Story& story) { story.gate(R, {.tenant = "victim", .ticket = "v", .client = "10.0.0.9"}).wait(std::chrono::seconds{-1}).arrives(R, 1, "<1@app.test>", "10.0.0.9"); }},
        {"another message, whose tenant is not known yet", [](Story& story) { story.arrives(R, 1, "<2@app.test>", "10.0.0.9"); }},
        {"one of last year", [](Story& story) { story.wait(std::chrono::hours{-24 * 300}).arrives(R).removed(R).wait(std::chrono::hours{24 * 300}); }},
    };
    for (auto const& [note, other] : cases) {
        SCOPED_TRACE(note);
        Story story;
        other(story);
        story.gate(Q).arrives(Q).sent(Q, "anna@evil.example", "250 2.0.0 Ok: queued as " + std::string{R});
        EXPECT_THAT(story.rows({.ticket = "ticket_1"}), ElementsAre("SENT anna@evil.example 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok: queued as 4jWYs80Gz8z9Qn1"));
        story.delivery(R, "berta@example.com", "bounced", "5.1.1", "no");
        EXPECT_THAT(story.rows({.ticket = "ticket_1"}), SizeIs(1));
    }
}

// --- Bounces

TEST(Join, TakesANotificationForNoOutcome)
{
    struct Case {
        char const* note;
        bool named_first;   // since 3.11
    };
    for (auto const& [note, named_first] : {Case{"3.7: its own lines come first", false}, Case{"3.11: it is named first", true}}) {
        SCOPED_TRACE(note);
        Story story;
        story.gate(Q).arrives(Q).delivery(Q, "anna@example.com", "bounced", "5.1.1", "no");
        if (named_first) story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + R);
        story.postfix("cleanup", std::string{R} + ": message-id=<bounce@mx>");
        if (!named_first) story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + R);
        story.postfix("qmgr", std::string{R} + ": from=<>, size=2150, nrcpt=1 (queue active)").removed(Q);
        story.delivery(R, "amazon@inbound.keybuzz.io", "deferred", "4.4.1", "later").sent(R, "amazon@inbound.keybuzz.io").removed(R);
        EXPECT_THAT(story.rows(), ElementsAre("BOUNCED anna@example.com 5.1.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs80Gz8z9Qn1: no"));
        EXPECT_THAT(story.events(), SizeIs(1));
        for (auto const& [name, count] : story.counters()) EXPECT_TRUE(name == "failed|SMTP|kbz_test" || name == "webhook|sent") << name << " " << count;
    }
}

TEST(Join, TakesEveryKindOfNotificationForNoOutcome)
{
    for (auto const* kind : {"sender delay", "sender delivery status", "postmaster non-delivery", "postmaster delay"}) {
        SCOPED_TRACE(kind);
        Story story;
        story.gate(Q).arrives(Q).delivery(Q, "anna@example.com", "deferred", "4.4.1", "later");
        story.postfix("cleanup", std::string{R} + ": message-id=<note@mx>").postfix("bounce", std::string{Q} + ": " + kind + " notification: " + R);
        story.sent(R, "amazon@inbound.keybuzz.io").removed(R);
        EXPECT_THAT(story.rows(), ElementsAre("DEFERRED anna@example.com 4.4.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: later"));
    }
}

TEST(Join, GivesEachBounceToTheRecipientsItIsAbout)
{
    Story story;
    story.gate(Q, {.recipient = "", .recipients = 2}).arrives(Q, 2);
    story.delivery(Q, "anna@example.com", "bounced", "5.1.1", "no").delivery(Q, "berta@example.com", "deferred", "4.4.1", "later");
    story.postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + R).wait(std::chrono::hours{1});
    story.delivery(Q, "berta@example.com", "bounced", "5.1.1", "no").postfix("bounce", std::string{Q} + ": sender non-delivery notification: " + S).removed(Q);
    EXPECT_THAT(story.rows(), ElementsAre("BOUNCED anna@example.com 5.1.1 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs80Gz8z9Qn1: no",
                                          "BOUNCED berta@example.com 5.1.1 x2 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs9XyZ1z9Qn2: no"));
}

TEST(Join, HasTheSizeThatPostfixTells)
{
    for (bool const decision_first : {true, false}) {
        SCOPED_TRACE(decision_first);
        Story story;
        if (decision_first) story.gate(Q).arrives(Q);
        else story.arrives(Q).gate(Q);
        story.commit();
        auto const found = story.store().find(Q, 1);
        ASSERT_TRUE(found);
        ASSERT_THAT(*found, SizeIs(1));
        EXPECT_EQ(found->front().size, 2101u);
    }
}

// --- Refusals

TEST(Join, TellsTheGatesRefusalsBeforeTheEnd)
{
    Story story;
    Decided const refused{.action = "reject", .reply = "554 5.7.1 Recipient not allowed (recipient_not_allowed)", .state = "RCPT", .daemon = "policy", .recipient = "no@blocked.example", .message_id = ""};
    story.gate("", refused).again();
    story.postfix("smtpd", "NOQUEUE: reject: RCPT from app[10.0.0.250]: 554 5.7.1 <no@blocked.example>: Recipient address rejected: Recipient not allowed (recipient_not_allowed); from=<a@b> to=<no@blocked.example> proto=ESMTP helo=<app>");
    auto const expected = "REJECTED no@blocked.example 5.7.1 x0 LOCAL kbz_test/ticket_1 - of -: 554 5.7.1 Recipient not allowed (recipient_not_allowed)";
    EXPECT_THAT(story.rows(), ElementsAre(expected));
    EXPECT_THAT(story.events(), ElementsAre(expected));
    EXPECT_EQ(story.counter("failed|LOCAL|kbz_test"), 1u);
    EXPECT_EQ(story.counter("postfix_rejects"), 0u);
    story.again().commit();
    story.gate("", refused);   // a second later: the client has tried again
    EXPECT_THAT(story.rows(), SizeIs(2));
}

TEST(Join, KnowsARefusalThatIsReadAgainAfterACommit)
{
    Story story;
    story.gate("", {.action = "reject", .reply = "554 5.7.1 Sender not allowed (sender_not_allowed)", .state = "MAIL", .recipient = "", .message_id = ""}).commit();
    story.again();
    EXPECT_THAT(story.rows(), ElementsAre("REJECTED - 5.7.1 x0 LOCAL kbz_test/ticket_1 - of -: 554 5.7.1 Sender not allowed (sender_not_allowed)"));
}

TEST(Join, KeepsRefusalsOfOneMillisecondApart)
{
    Story story;
    for (auto const* tenant : {"one", "two"}) {
        for (auto const* state : {"MAIL", "RCPT"}) {
            Decided const refused{.tenant = tenant, .action = "reject", .reply = "554 5.7.1 Sender not allowed (sender_not_allowed)", .state = state, .sender = "", .message_id = ""};
            story.gate("", refused).again().wait(std::chrono::seconds{-1});
        }
    }
    story.commit();
    EXPECT_THAT(story.rows(), SizeIs(4));
    std::set<std::string> ids;
    auto const found = story.store().query({}).value();
    for (auto const& outcome : found.outcomes) ids.insert(outcome.event_id);
    EXPECT_THAT(ids, SizeIs(2)) << "a receiver tells tenants apart by it; the same refusal again in one millisecond is told once";
}

TEST(Join, KeepsARefusedRecipientApartFromTheMessageThatWent)
{
    Story story;
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
    story.gate(Q, {.action = "reject", .reply = "554 5.7.1 Recipient not allowed (recipient_not_allowed)", .state = "RCPT", .recipient = "no@blocked.example", .message_id = ""});
    story.postfix("smtpd", std::string{Q} + ": reject: RCPT from app[10.0.0.250]: 554 5.7.1 <no@blocked.example>: Recipient not allowed (recipient_not_allowed); from=<a@b> to=<no@blocked.example> proto=ESMTP helo=<app>");
    story.gate(Q).postfix("cleanup", std::string{Q} + ": message-id=<1@app.test>").sent(Q, "anna@example.com").removed(Q);
    EXPECT_THAT(story.rows({.queue_id = Q}), ElementsAre("REJECTED no@blocked.example 5.7.1 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc of -: 554 5.7.1 Recipient not allowed (recipient_not_allowed)",
                                                         "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
}

TEST(Join, TellsTheGatesRefusalAtTheEndOnce)
{
    struct Case {
        char const* note;
        bool decision_first;
    };
    for (auto const& [note, decision_first] : {Case{"the decision is read first", true}, Case{"Postfix's line is read first", false}}) {
        SCOPED_TRACE(note);
        Story story;
        Decided const refused{.action = "reject", .reply = "554 5.7.1 No ticket (ticket_missing)", .recipient = "", .recipients = 3};
        story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
        auto const line = std::string{Q} + ": milter-reject: END-OF-MESSAGE from app[10.0.0.250]: 5.7.1 No ticket (ticket_missing); from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>";
        if (decision_first) story.gate(Q, refused).postfix("cleanup", line);
        else story.postfix("cleanup", line).gate(Q, refused);
        EXPECT_THAT(story.rows(), ElementsAre("REJECTED - 5.7.1 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: 554 5.7.1 No ticket (ticket_missing)"));
        EXPECT_THAT(story.events(), SizeIs(1));
        EXPECT_EQ(story.counter("failed|LOCAL|kbz_test"), 1u);
        EXPECT_EQ(story.counter("postfix_rejects"), 0u);
        story.wait(std::chrono::minutes{6}).look_for_losses();
        EXPECT_EQ(story.counter("lost"), 0u);
    }
}

TEST(Join, TellsTheOnlyRecipientOfARefusalAtTheEnd)
{
    auto const expected = "REJECTED anna@example.com 5.7.1 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: 554 5.7.1 No ticket (ticket_missing)";
    for (bool const decision_first : {true, false}) {
        SCOPED_TRACE(decision_first);
        Story story;
        Decided const refused{.action = "reject", .reply = "554 5.7.1 No ticket (ticket_missing)", .recipient = "anna@example.com"};
        story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
        auto const line = std::string{Q} + ": milter-reject: END-OF-MESSAGE from app[10.0.0.250]: 5.7.1 No ticket (ticket_missing); from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>";
        if (decision_first) story.gate(Q, refused).postfix("cleanup", line);
        else story.postfix("cleanup", line).gate(Q, refused);
        EXPECT_THAT(story.rows(), ElementsAre(expected));
        EXPECT_THAT(story.events(), ElementsAre(expected));
    }
}

TEST(Join, CountsWhatTheGatePutsOff)
{
    Story story;
    story.gate(Q, {.action = "defer", .reply = "450 4.7.1 Too much (limit_exceeded)"}).again();
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
    story.postfix("cleanup", std::string{Q} + ": milter-reject: END-OF-MESSAGE from app[10.0.0.250]: 4.7.1 Too much (limit_exceeded); from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>");
    story.gate("", {.action = "defer", .reply = "451 4.3.0 Try again (internal_error)", .state = "RCPT"});
    EXPECT_THAT(story.rows(), IsEmpty());
    EXPECT_EQ(story.counter("gate_defers"), 2u);
    story.wait(std::chrono::minutes{6}).look_for_losses();
    EXPECT_EQ(story.counter("lost"), 0u);
}

TEST(Join, TellsTheRefusalByAnotherMilterForTheWholeMessage)
{
    struct Case {
        char const *note, *line;
        bool decision_first;
    };
    constexpr auto kMilter = ": milter-reject: END-OF-MESSAGE from app[10.0.0.250]: 5.7.1 Spam; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>";
    constexpr auto kHeader = ": milter-header-reject: header X-Spam: yes from app[10.0.0.250]; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>: 5.7.1 Spam";
    for (auto const& [note, line, decision_first] : {Case{"the gate's decision is read first", kMilter, true}, Case{"the refusal is read first", kMilter, false},
                                                     Case{"milter_header_checks", kHeader, true}}) {
        SCOPED_TRACE(note);
        Story story;
        story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
        if (decision_first) story.gate(Q);
        story.postfix("cleanup", std::string{Q} + line).again();
        if (!decision_first) story.gate(Q);
        EXPECT_THAT(story.rows(), ElementsAre("REJECTED anna@example.com 5.7.1 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: 5.7.1 Spam"));
        EXPECT_THAT(story.events(), SizeIs(1));
        EXPECT_EQ(story.counter("failed|LOCAL|kbz_test"), 1u);
        EXPECT_EQ(story.counter("postfix_rejects"), 1u);
    }
}

TEST(Join, ForgetsAMessageThatAnotherMilterPutsOff)
{
    Story story;
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]").gate(Q).commit();
    EXPECT_THAT(story.rows(), ElementsAre("ACCEPTED anna@example.com - x0 - kbz_test/ticket_1 4jWYs717qcz8lWc"));
    story.postfix("cleanup", std::string{Q} + ": milter-reject: END-OF-MESSAGE from app[10.0.0.250]: 4.7.1 Greylisted; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>");
    EXPECT_THAT(story.rows(), IsEmpty()) << "the client comes again with it";
    EXPECT_THAT(story.events(), IsEmpty());
}

TEST(Join, ForgetsAMessageThatItsClientGaveUp)
{
    Story story;
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]").gate(Q).commit();
    story.postfix("cleanup", std::string{Q} + ": removed (canceled)");   // since 3.10
    EXPECT_THAT(story.rows(), IsEmpty());
}

TEST(Join, TellsPostfixsRefusalOfOneRecipientOfAnAcceptedMessage)
{
    Story story;
    story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]");
    story.postfix("smtpd", std::string{Q} + ": reject: RCPT from app[10.0.0.250]: 554 5.7.1 <berta@example.com>: Relay access denied; from=<a@b> to=<berta@example.com> proto=ESMTP helo=<app>").again();
    story.postfix("smtpd", std::string{Q} + ": reject: RCPT from app[10.0.0.250]: 450 4.7.1 <carla@example.com>: Later; from=<a@b> to=<carla@example.com> proto=ESMTP helo=<app>");
    EXPECT_THAT(story.events(), IsEmpty()) << "whose it is will be known at its end";
    story.gate(Q).sent(Q, "anna@example.com").removed(Q);
    EXPECT_THAT(story.events(), ElementsAre("REJECTED berta@example.com 5.7.1 x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: 554 5.7.1 <berta@example.com>: Relay access denied",
                                            "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_EQ(story.counter("postfix_rejects"), 1u);
}

TEST(Join, CountsPostfixsRefusalsOfWhomeverItDoesNotKnow)
{
    Story story;
    story.postfix("smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.66]: 554 5.7.1 <a@b.example>: Relay access denied; from=<> to=<a@b.example> proto=SMTP helo=<x>");
    story.postfix("smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.66]: 450 4.7.1 <a@b.example>: Later; from=<> to=<a@b.example> proto=SMTP helo=<x>");
    story.postfix("smtpd", std::string{Q} + ": client=x[192.0.2.66]");
    story.postfix("smtpd", std::string{Q} + ": reject: DATA from x[192.0.2.66]: 550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce; from=<> proto=SMTP helo=<x>");
    EXPECT_EQ(story.counter("postfix_rejects"), 2u);
    EXPECT_EQ(story.counter("failed|LOCAL|"), 0u);
    EXPECT_THAT(story.events(), IsEmpty());
}

TEST(Join, TellsThatADiscardedMessageIsGone)
{
    struct Case {
        char const *note, *program, *line;
    };
    for (auto const& [note, program, line] :
         {Case{"a milter", "cleanup", ": milter-discard: END-OF-MESSAGE from app[10.0.0.250]: milter triggers DISCARD action; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>"},
          Case{"an access map", "smtpd", ": discard: RCPT from app[10.0.0.250]: <anna@example.com>: Recipient address triggers DISCARD action; from=<a@b> to=<anna@example.com> proto=ESMTP helo=<app>"}}) {
        SCOPED_TRACE(note);
        Story story;
        story.postfix("smtpd", std::string{Q} + ": client=app[10.0.0.250]").postfix(program, std::string{Q} + line);
        story.wait(std::chrono::seconds{90}).gate(Q);   // the text took its time
        auto const events = story.events();
        ASSERT_THAT(events, SizeIs(1));
        EXPECT_THAT(events.front(), ::testing::StartsWith("DELETED anna@example.com - x0 LOCAL kbz_test/ticket_1 4jWYs717qcz8lWc: "));
    }
}

// --- Loss

TEST(Join, CountsOnceWhatIsNeverSeenInPostfixsLog)
{
    Story story;
    story.gate(Q).wait(std::chrono::minutes{4}).look_for_losses();
    EXPECT_EQ(story.counter("lost"), 0u);
    EXPECT_THAT(story.store().open_recipients(10).value(), SizeIs(1));
    story.wait(std::chrono::minutes{2}).look_for_losses();
    story.look_for_losses();
    EXPECT_EQ(story.counter("lost"), 1u);
    story.look_for_losses();
    EXPECT_EQ(story.counter("lost"), 1u);
    EXPECT_THAT(story.store().open_recipients(10).value(), IsEmpty()) << "it lies in no queue that we know of";
    EXPECT_THAT(story.rows(), ElementsAre("ACCEPTED anna@example.com - x0 - kbz_test/ticket_1 4jWYs717qcz8lWc of -"));
}

TEST(Join, FindsALossAlsoAfterARestart)
{
    Story story;
    story.gate(Q).commit();
    story.kill();
    story.wait(std::chrono::minutes{6}).look_for_losses();
    EXPECT_EQ(story.counter("lost"), 1u);
}

TEST(Join, TellsOfALostMessageThatIsSeenAfterAll)
{
    Story story;
    story.gate(Q).commit();
    story.wait(std::chrono::minutes{6}).look_for_losses();
    story.commit();
    story.kill();
    story.wait(-(std::chrono::minutes{6} + std::chrono::seconds{2})).arrives(Q).sent(Q, "anna@example.com").removed(Q);
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 2.0.0 Ok"));
    EXPECT_EQ(story.counter("lost"), 1u) << "a counter does not go back";
}

// --- Short queue ids that come again

constexpr auto kShort = "A1B2C3D4E5";
std::string const kHungUp = std::string{kShort} + ": client=other[203.0.113.9]";   // and gone; before 3.10 nothing says so

TEST(JoinReusedIds, GiveNoDecisionToASessionThatHungUp)
{
    struct Case {
        char const *note, *client;
        std::chrono::minutes between;
    };
    for (auto const& [note, client, between] : {Case{"of another client, minutes ago", "203.0.113.9", std::chrono::minutes{5}},
                                                Case{"of the same client, minutes ago", "10.0.0.250", std::chrono::minutes{5}},
                                                Case{"of the same client, yesterday", "10.0.0.250", std::chrono::hours{24}}}) {
        for (bool const at_once : {false, true}) {   // all in one batch, where the decision is read before both
            SCOPED_TRACE(std::string{note} + (at_once ? ", read at once" : ""));
            Story story;
            auto const hang_up = [&] { story.postfix("smtpd", std::string{kShort} + ": client=app[" + client + "]"); };
            if (!at_once) hang_up();
            if (!at_once) story.commit();
            story.wait(between).gate(kShort);
            if (at_once) story.wait(-between - std::chrono::seconds{10});
            if (at_once) hang_up();
            if (at_once) story.wait(between + std::chrono::seconds{10});
            story.wait(std::chrono::seconds{-3}).arrives(kShort).sent(kShort, "anna@example.com").removed(kShort);
            auto const expected = "SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok";
            EXPECT_THAT(story.events(), ElementsAre(expected));
            EXPECT_THAT(story.rows(), ElementsAre(expected));
            EXPECT_EQ(story.counter("sent|SMTP|kbz_test"), 1u);
        }
    }
}

TEST(JoinReusedIds, GiveNoTenantToMailWhoseEndWasNotSeen)
{
    Story story;
    story.arrives(kShort, 1, "<foreign@x>", "203.0.113.9").delivery(kShort, "private@third.example", "deferred", "4.4.1", "timeout");
    story.wait(std::chrono::hours{24}).gate(kShort);
    EXPECT_THAT(story.events(), IsEmpty());
    story.wait(std::chrono::seconds{-3}).arrives(kShort).sent(kShort, "anna@example.com").removed(kShort);
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok"));
}

TEST(JoinReusedIds, GiveABounceToNobodysTenantWhereTheFormersEndWasNotSeen)
{
    Story story;
    story.gate(kShort).arrives(kShort).sent(kShort, "anna@example.com").wait(std::chrono::seconds{20});   // "removed" is missing
    story.postfix("cleanup", std::string{kShort} + ": message-id=<other@host>");
    story.postfix("qmgr", std::string{kShort} + ": from=<>, size=3000, nrcpt=1 (queue active)");
    story.delivery(kShort, "someone@else.example", "bounced", "5.1.1", "no such user");
    story.removed(kShort);
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok"));
    EXPECT_THAT(story.rows({.tenant = "kbz_test"}), SizeIs(1));
}

TEST(JoinReusedIds, LeaveALongSessionItsDecision)
{
    Story story;
    story.postfix("smtpd", std::string{kShort} + ": client=app[10.0.0.250]").commit();
    story.wait(std::chrono::hours{3}).look_for_losses();
    story.gate(kShort).postfix("cleanup", std::string{kShort} + ": message-id=<1@app.test>");
    story.postfix("qmgr", std::string{kShort} + ": from=<amazon@inbound.keybuzz.io>, size=2101, nrcpt=1 (queue active)");
    story.sent(kShort, "anna@example.com").removed(kShort);
    EXPECT_THAT(story.events(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 A1B2C3D4E5: 250 2.0.0 Ok"));
}

TEST(JoinReusedIds, AreNotHeldAsOpenForSessionsThatHungUp)
{
    auto options = Story::default_options();
    options.most_held = 20'000;
    Story story{options};
    for (int i = 0; i < 30'000; ++i) {
        if (i % 10'000 == 0) story.commit();
        story.postfix("smtpd", "A1B2C3" + std::to_string(10'000 + i) + ": client=other[203.0.113.9]").wait(std::chrono::milliseconds{-990});
    }
    story.commit();
    story.gate(Q).arrives(Q);
    for (int minute = 0; minute < 5; ++minute) {   // what fits, then what is read back
        story.wait(std::chrono::hours{1}).look_for_losses();
        story.commit();
    }
    EXPECT_LE(story.joiner().held(), 1u + 20'000u / 10) << "one is open, and a tenth of those that have ended are kept";
    auto const open = story.store().recent(20'000, 0).value();
    EXPECT_TRUE(open.has_all_open);
    EXPECT_THAT(open.messages, SizeIs(1));
}

TEST(Join, ComparesMessageIdsAsPostfixLogsThem)
{
    struct Case {
        char const *note, *logged, *decided;
        bool is_followed;
    };
    for (auto const& [note, logged, decided, is_followed] :
         {Case{"two bytes of UTF-8", "<??1@x>", "<\xc3\xa9" "1@x>", true}, Case{"no UTF-8", "<?1@x>", "<\xef\xbf\xbd" "1@x>", true},
          Case{"a tab", "<a?b@x>", "<a\tb@x>", true}, Case{"none", "<>", "", true}, Case{"another", "<2@x>", "<1@x>", false}}) {
        SCOPED_TRACE(note);
        Story story;
        story.gate(Q, {.message_id = decided}).arrives(Q, 1, std::string{logged} == "<2@x>" ? "<1@x>" : logged);
        story.arrives(R, 1, logged, "127.0.0.1");   // the filter brings it back without XFORWARD
        story.delivery(Q, "anna@example.com", "sent", "2.0.0", std::string{"250 2.0.0 Ok: queued as "} + R, kFilter).removed(Q);
        story.delivery(R, "anna@example.com", "bounced", "5.1.1", "no such user").removed(R);
        auto const events = story.events();
        ASSERT_THAT(events, SizeIs(1));
        EXPECT_THAT(events.front(), ::testing::StartsWith(is_followed ? "BOUNCED" : "SENT"));
    }
}

TEST(Join, KeepsAllRecipientsOfAHopWhoseLogHasWholeSeconds)
{
    Story story;
    story.gate(Q, {.recipient = "", .recipients = 3}).wait(std::chrono::milliseconds{-3'600}).arrives(Q, 3).arrives(R, 3, "<1@app.test>", "127.0.0.1");
    story.wait(std::chrono::seconds{-7});   // so that its line is older than the decision, by the clock
    for (auto const* who : {"a@example.com", "b@example.com", "c@example.com"}) {
        story.delivery(Q, who, "sent", "2.0.0", std::string{"250 2.0.0 Ok: queued as "} + R, kFilter);
    }
    EXPECT_THAT(story.rows(), SizeIs(3));
    story.postfix("postsuper", std::string{R} + ": removed");
    EXPECT_THAT(story.events(), SizeIs(3));
}

// --- Options and bounds

TEST(Join, MakesNoEventsWithoutAWebhookAndTellsNothingOldToOneThatComesLater)
{
    auto options = Story::default_options();
    options.make_events = false;
    Story story{options};
    story.gate(Q).arrives(Q).sent(Q, "anna@example.com").removed(Q);
    EXPECT_THAT(story.events(), IsEmpty());
    Joiner with_webhook{story.store(), Story::default_options()};
    EXPECT_TRUE(with_webhook.batch().events.empty());
}

TEST(Join, HoldsNoMoreThanItMay)
{
    auto options = Story::default_options();
    options.most_held = 100;
    Story story{options};
    for (int i = 0; i < 1'000; ++i) story.arrives("4jWYs7AA" + std::to_string(1'000 + i) + "z9");
    story.commit();
    EXPECT_EQ(story.joiner().held(), 100u);
    for (int i = 0; i < 1'000; ++i) story.removed("4jWYs7AA" + std::to_string(1'000 + i) + "z9");
    story.commit();
    EXPECT_EQ(story.joiner().held(), 10u) << "of those that have ended a tenth";
}

TEST(Join, CountsTenantsBeyondTwoHundredTogether)
{
    Story story;
    for (int i = 0; i < 205; ++i) {
        auto const id = "4jWYs7AA" + std::to_string(1'000 + i) + "z9";
        if (i == 100) story.kill();   // those known before stay known
        story.gate(id, {.tenant = "tenant" + std::to_string(i)}).arrives(id).sent(id, "anna@example.com").removed(id).commit();
    }
    EXPECT_EQ(story.counter("sent|SMTP|tenant0"), 1u);
    EXPECT_EQ(story.counter("sent|SMTP|tenant199"), 1u);
    EXPECT_EQ(story.counter("sent|SMTP|tenant200"), 0u);
    EXPECT_EQ(story.counter("sent|SMTP|other"), 5u);
}

TEST(Join, GivesUpTheBatchWhenTheStoreCannotBeAsked)
{
    class Broken : public OutcomeStore {   // the disk fails while the joiner looks for a message it does not hold
    public:
        base::Result<> apply(Batch&) override { return {}; }
        base::Result<Positions> positions() override { return Positions{}; }
        base::Result<std::map<std::string, std::uint64_t>> counters() override { return std::map<std::string, std::uint64_t>{}; }
        base::Result<Recent> recent(std::size_t, std::size_t) override { return Recent{{}, {}, false}; }
        base::Result<std::vector<MessageState>> find(std::string const&, std::size_t) override { return base::fail("disk I/O error"); }
        base::Result<bool> has_refusal(MessageState const&) override { return false; }
        base::Result<std::vector<MessageState>> decided_but_unseen(base::Time, std::size_t) override { return std::vector<MessageState>{}; }
        base::Result<Found> query(Query const&) override { return Found{}; }
        base::Result<std::vector<OpenCount>> open_recipients(std::size_t) override { return std::vector<OpenCount>{}; }
        base::Result<std::vector<QueuedEvent>> take_due(base::Time, std::size_t) override { return std::vector<QueuedEvent>{}; }
        base::Result<> sent(std::span<std::int64_t const>, base::Time) override { return {}; }
        base::Result<> try_again(std::span<std::int64_t const>, base::Time, std::string const&) override { return {}; }
        base::Result<> give_up(std::span<std::int64_t const>, base::Time, std::string const&) override { return {}; }
        base::Result<> resume_sending() override { return {}; }
        base::Result<> bring_forward(base::Time, base::Time) override { return {}; }
        base::Result<std::optional<base::Time>> next_due() override { return std::optional<base::Time>{}; }
        base::Result<QueueStats> queue_stats() override { return QueueStats{}; }
        base::Result<std::vector<FailedEvent>> failed_events(std::size_t) override { return std::vector<FailedEvent>{}; }
        base::Result<std::size_t> retry_failed(std::size_t) override { return std::size_t{0}; }
        base::Result<bool> forget_before(base::Time) override { return false; }
    };
    Broken store;
    Joiner joiner{store, {}};
    DecisionRecord record;
    ASSERT_TRUE(parse_decision_line(decision_line(kMorning, Q, {}), record));
    joiner.take(record);
    ASSERT_TRUE(joiner.batch().trouble);
    EXPECT_EQ(joiner.batch().trouble->message, "disk I/O error");
    joiner.rolled_back();
    EXPECT_FALSE(joiner.batch().trouble);
    EXPECT_EQ(joiner.held(), 0u);
}

}   // namespace
}   // namespace mailcore::outcomes::test
