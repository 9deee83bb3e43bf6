// The contract's "An outcome", as it is written.

#include "outcomes/outcome.hpp"

#include <gtest/gtest.h>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

Outcome bounce()
{
    Outcome outcome;
    outcome.event_id = "5f1b0c3e-8a2d-8c11-9d3e-0123456789ab";
    outcome.postfix_instance = "postfix";
    outcome.tenant_id = "kbz_test";
    outcome.ticket_id = "ticket_smtp_test_001";
    outcome.message_id = "<1@app.test>";
    outcome.queue_id = "4jWYs717qcz8lWc";
    outcome.sender = "amazon@inbound.keybuzz.io";
    outcome.recipient = "bounce@example.com";
    outcome.provider = "SES";
    outcome.relay = "host[192.0.2.1]:25";
    outcome.status = Status::Bounced;
    outcome.dsn = "5.1.1";
    outcome.reason = "550 5.1.1 no such user";
    outcome.attempts = 1;
    outcome.sent_at = base::parse_time("2026-11-21T01:00:05.123456Z").value();
    return outcome;
}

TEST(Outcome, IsWrittenAsTheContractSays)
{
    EXPECT_EQ(to_json(bounce()),
              R"({"eventId":"5f1b0c3e-8a2d-8c11-9d3e-0123456789ab","tenantId":"kbz_test","ticketId":"ticket_smtp_test_001",)"
              R"("messageId":"<1@app.test>","queueId":"4jWYs717qcz8lWc","sender":"amazon@inbound.keybuzz.io","recipient":"bounce@example.com",)"
              R"("provider":"SES","relay":"host[192.0.2.1]:25","status":"BOUNCED","dsn":"5.1.1","reason":"550 5.1.1 no such user",)"
              R"("attempts":1,"sentAt":"2026-11-21T01:00:05.123Z","postfixInstance":"postfix"})");
}

TEST(Outcome, NamesABounceAndAnExpandedAddressOnlyWhereThereIsOne)
{
    auto outcome = bounce();
    outcome.notification_id = "4jWYs80Gz8z9Qn1";
    outcome.original_recipient = "team@example.com";
    auto const json = to_json(outcome);
    EXPECT_NE(json.find(R"("sentAt":"2026-11-21T01:00:05.123Z","notificationId":"4jWYs80Gz8z9Qn1","originalRecipient":"team@example.com",)"), std::string::npos) << json;
    EXPECT_EQ(to_json(bounce()).find("notificationId"), std::string::npos);
}

TEST(Outcome, IsValidJsonWhateverAServerSaid)
{
    auto outcome = bounce();
    outcome.reason = std::string{"say \"no\" \\ \x01 \xC3\xA9 \xFF\xC3 "} + '\0' + "\n";
    auto const json = to_json(outcome);
    EXPECT_NE(json.find("\"reason\":\"say \\\"no\\\" \\\\ \\u0001 \xC3\xA9 \xEF\xBF\xBD\xEF\xBF\xBD \\u0000\\n\""), std::string::npos) << json;
    EXPECT_EQ(base::find_not_utf8(json), std::string::npos);
}

TEST(Outcome, WritesTimesInMilliseconds)
{
    struct Case {
        char const *time, *written;
    };
    for (auto const& [time, written] : {Case{"2026-11-21T01:00:05Z", "2026-11-21T01:00:05.000Z"}, Case{"2026-12-31T23:59:59.999999Z", "2026-12-31T23:59:59.999Z"},
                                        Case{"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"}}) {
        auto outcome = bounce();
        outcome.sent_at = base::parse_time(time).value();
        EXPECT_NE(to_json(outcome).find(std::string{"\"sentAt\":\""} + written + "\""), std::string::npos) << to_json(outcome);
    }
}

TEST(Outcome, HasAWordForEachStatus)
{
    for (int i = 0; i < kStatuses; ++i) EXPECT_EQ(parse_status(word(static_cast<Status>(i))), static_cast<Status>(i));
    EXPECT_EQ(parse_status("bounced"), Status::Bounced);
    EXPECT_EQ(parse_status("BOUNCE"), std::nullopt);
    EXPECT_FALSE(is_final(Status::Accepted));
    EXPECT_FALSE(is_final(Status::Deferred));
    EXPECT_TRUE(is_final(Status::Deleted));
}

TEST(EventId, IsTheSameForTheSameChangeAndForNoOther)
{
    auto const outcome = bounce();
    auto const id = event_id_of(outcome, outcome.sent_at);
    EXPECT_EQ(id, "860ea24a-5ce4-8b29-8df4-8bee685744fe") << "ids that were told before must come again after an update";
    auto learnt_later = outcome;
    learnt_later.notification_id = "4jWYs80Gz8z9Qn1";
    learnt_later.postfix_instance = "";
    EXPECT_EQ(event_id_of(learnt_later, outcome.sent_at), id);

    auto const differs = [&](auto change) {
        auto other = outcome;
        change(other);
        return event_id_of(other, other.sent_at) != id;
    };
    EXPECT_TRUE(differs([](Outcome& other) { other.queue_id = "4jWYs717qcz8lWd"; }));
    EXPECT_TRUE(differs([](Outcome& other) { other.recipient = "anna@example.com"; }));
    EXPECT_TRUE(differs([](Outcome& other) { other.original_recipient = "team@example.com"; }));
    EXPECT_TRUE(differs([](Outcome& other) { other.status = Status::Expired; }));
    EXPECT_TRUE(differs([](Outcome& other) { other.dsn = "5.1.2"; }));
    EXPECT_TRUE(differs([](Outcome& other) { other.sent_at += std::chrono::microseconds{1}; }));
}

}   // namespace
}   // namespace mailcore::outcomes
