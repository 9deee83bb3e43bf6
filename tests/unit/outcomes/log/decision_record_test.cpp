#include "outcomes/log/decision_record.hpp"

#include <gtest/gtest.h>

#include "core/observe/decision_line.hpp"
#include "tests/unit/outcomes/log/allocations.hpp"

namespace mailcore::outcomes {
namespace {

base::Time at(std::string_view text) { return base::parse_time(text).value(); }

DecisionRecord read(std::string_view line)
{
    DecisionRecord record;
    auto const result = parse_decision_line(line, record);
    EXPECT_TRUE(result) << line << ": " << (result ? "" : result.error().message);
    return record;
}

std::string refusal(std::string_view line)
{
    DecisionRecord record;
    auto const result = parse_decision_line(line, record);
    return result ? "none" : result.error().message;
}

std::string with(std::string_view member)
{
    return "{\"time\":\"2026-11-21T01:00:00.123Z\",\"action\":\"pass\"," + std::string{member} + "}";
}

mail::Request request()
{
    mail::Request request;
    request.daemon = mail::Daemon::Milter;
    request.stage = mail::Stage::EndOfMessage;
    request.instance = "postfix-out";
    request.queue_id = "4jWYs717qcz8lWc";
    request.client = "10.0.0.250";
    request.login = "tenant-a";
    request.sender.set("amazon@inbound.keybuzz.io");
    request.recipients.add().set("anna@remote.test");
    request.recipient_count = 1;
    request.size = 2101;
    request.message.emplace();
    request.message->message_id = "<\"quoted\\\"@größe.test>";
    return request;
}

mail::Verdict passed()
{
    mail::Verdict verdict;
    verdict.tenant = "kbz_test";
    verdict.ticket = "ticket_smtp_test_001";
    return verdict;
}

mail::Verdict refused(mail::Reason reason)
{
    mail::Verdict verdict;
    verdict.action = mail::Action::Reject;
    verdict.reason = reason;
    verdict.reply = mail::reply_for(verdict.action, reason);
    return verdict;
}

std::string line_of(mail::Request const& request, mail::Verdict const& verdict)
{
    std::string line;
    observe::append_decision_line(line, {.request = request, .verdict = verdict, .time = at("2026-11-21T01:00:00.123Z"), .micros = 38, .forged_headers_removed = 2});
    EXPECT_TRUE(line.ends_with('\n'));
    line.pop_back();
    return line;
}

TEST(DecisionRecord, HoldsWhatTheMilterWrote)
{
    auto const record = read(line_of(request(), passed()));
    EXPECT_EQ(record.time, at("2026-11-21T01:00:00.123Z"));
    EXPECT_TRUE(record.from_milter);
    EXPECT_TRUE(record.is_end());
    EXPECT_EQ(record.state, "END-OF-MESSAGE");
    EXPECT_EQ(record.queue_id, "4jWYs717qcz8lWc");
    EXPECT_EQ(record.instance, "postfix-out");
    EXPECT_EQ(record.message_id, "<\"quoted\\\"@größe.test>");
    EXPECT_EQ(record.tenant, "kbz_test");
    EXPECT_EQ(record.ticket, "ticket_smtp_test_001");
    EXPECT_EQ(record.client, "10.0.0.250");
    EXPECT_EQ(record.login, "tenant-a");
    EXPECT_EQ(record.sender, "amazon@inbound.keybuzz.io");
    EXPECT_EQ(record.recipient, "anna@remote.test");
    EXPECT_EQ(record.recipients, 1u);
    EXPECT_EQ(record.size, 2101u);
    EXPECT_EQ(record.action, "pass");
    EXPECT_EQ(record.reason, "ok");
    EXPECT_EQ(record.reply, "");
}

TEST(DecisionRecord, HoldsWhatThePolicyDaemonRefused)
{
    auto asked = request();
    asked.daemon = mail::Daemon::Policy;
    asked.stage = mail::Stage::Rcpt;
    asked.message.reset();
    auto const record = read(line_of(asked, refused(mail::Reason::SenderNotAllowed)));
    EXPECT_FALSE(record.from_milter);
    EXPECT_FALSE(record.is_end());
    EXPECT_EQ(record.state, "RCPT");
    EXPECT_EQ(record.action, "reject");
    EXPECT_EQ(record.reason, "sender_not_allowed");
    EXPECT_EQ(record.reply, "554 5.7.1 Sender not allowed for this client (sender_not_allowed)");
}

TEST(DecisionRecord, ReadsKeysInAnyOrderWithBlanksAndLeavesWhatIsMissingEmpty)
{
    auto const record = read(" { \"reply\" : \"\" ,\"action\": \"hold\",\"tenant\":\"a\",\t\"time\":\"2026-11-21T01:00:00Z\", \"queue_id\":\"4jWYs717qcz8lWc\" } \r\n");
    EXPECT_EQ(record.action, "hold");
    EXPECT_EQ(record.tenant, "a");
    EXPECT_EQ(record.queue_id, "4jWYs717qcz8lWc");
    EXPECT_EQ(record.message_id, "");
    EXPECT_EQ(record.recipients, 0u);
}

TEST(DecisionRecord, SkipsUnknownKeysWithAnyValue)
{
    for (auto const* value : {"1", "-1.5e+10", "0", "0.0E-1", "true", "false", "null", "\"x\\u00e9\"", "{}", "[]", "[1,[2,{\"a\":[null]}], \"]\"]", "{\"a\":{\"b\":\"}\"},\"tenant\":\"inner\"}"}) {
        auto const record = read(with("\"new\":" + std::string{value} + ",\"tenant\":\"outer\""));
        EXPECT_EQ(record.tenant, "outer") << value;
    }
    EXPECT_EQ(read(with("\"new\":" + std::string(16, '[') + "1" + std::string(16, ']') + ",\"tenant\":\"a\"")).tenant, "a");
}

TEST(DecisionRecord, DecodesEscapes)
{
    struct Row {
        char const* written;
        std::string meant;
    };
    Row const rows[] = {
        {R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t"},
        {R"(\u0041\u00e9\u20AC)", "Aé€"},
        {R"(\ud83d\ude00)", "😀"},
        {R"(a\u0000b)", std::string{"a\0b", 3}},
        {R"(\ufffd)", "\xEF\xBF\xBD"},
        {"größe", "größe"},
        {"\x7f", "\x7f"},
    };
    for (auto const& row : rows) EXPECT_EQ(read(with("\"tenant\":\"" + std::string{row.written} + "\"")).tenant, row.meant) << row.written;
    EXPECT_EQ(read(with(R"("ten\u0061nt":"a")")).tenant, "a") << "a key may have escapes too";
}

TEST(DecisionRecord, SaysWhyALineIsNoDecision)
{
    struct Row {
        std::string line;
        char const* words;
    };
    std::string const good = with("\"tenant\":\"a\"");
    Row const rows[] = {
        {"", "no decision line: { expected at byte 1"},
        {"{", "no decision line: \" expected at byte 2"},
        {"{}", "no decision line: time is missing"},
        {"[]", "no decision line: { expected at byte 1"},
        {"2026-11-21T01:00:00 mx1 x", "no decision line: { expected at byte 1"},
        {R"({"action":"pass"})", "no decision line: time is missing"},
        {R"({"time":"2026-11-21T01:00:00Z"})", "no decision line: action is missing"},
        {R"({"time":"2026-11-21T01:00:00Z","action":""})", "no decision line: action is missing"},
        {R"({"time":"yesterday","action":"pass"})", "no decision line: no time at byte 20"},
        {R"({"time":1,"action":"pass"})", "no decision line: \" expected at byte 9"},
        {good.substr(0, good.size() - 1), "no decision line: , or } expected at byte 64"},
        {good.substr(0, good.size() - 2), "no decision line: a string that does not end at byte 62"},
        {good + good, "no decision line: more stands behind it at byte 65"},
        {good + std::string(1, '\0'), "no decision line: more stands behind it at byte 65"},
        {with("\"tenant\" \"a\""), "no decision line: : expected at byte 61"},
        {with("\"tenant\":\"a\" \"ticket\":\"b\""), "no decision line: , or } expected at byte 65"},
        {with("\"tenant\":\"a\","), "no decision line: \" expected at byte 65"},
        {with("tenant:\"a\""), "no decision line: \" expected at byte 52"},
        {with("\"tenant\":null"), "no decision line: \" expected at byte 61"},
        {with("\"size\":\"1\""), "no decision line: a value expected at byte 59"},
        {with("\"size\":-1"), "no decision line: no count at byte 61"},
        {with("\"size\":1.5"), "no decision line: no count at byte 62"},
        {with("\"size\":18446744073709551616"), "no decision line: no count at byte 79"},
        {with("\"tenant\":\"\\x\""), "no decision line: an unknown escape at byte 62"},
        {with("\"tenant\":\"\\u12\""), "no decision line: an unknown escape at byte 62"},
        {with("\"tenant\":\"\\ud800\""), "no decision line: an unknown escape at byte 62"},
        {with("\"tenant\":\"\\ud800\\u0041\""), "no decision line: an unknown escape at byte 62"},
        {with("\"tenant\":\"\\udc00\""), "no decision line: an unknown escape at byte 62"},
        {with("\"tenant\":\"a\tb\""), "no decision line: a control character at byte 62"},
        {with("\"tenant\":\"\xff\""), "no decision line: bytes that are no UTF-8 at byte 62"},
        {with("\"tenant\":\"\xed\xa0\x80\""), "no decision line: bytes that are no UTF-8 at byte 62"},
        {with("\"new\":01"), "no decision line: a value expected at byte 60"},
        {with("\"new\":1."), "no decision line: a value expected at byte 60"},
        {with("\"new\":1e"), "no decision line: a value expected at byte 60"},
        {with("\"new\":+1"), "no decision line: a value expected at byte 58"},
        {with("\"new\":nul"), "no decision line: a value expected at byte 58"},
        {with("\"new\":[1 2]"), "no decision line: , or ] expected at byte 61"},
        {with("\"new\":" + std::string(18, '[') + std::string(18, ']')), "no decision line: values within values too deep at byte 75"},
        {with("\"new\":" + std::string(100'000, '[')), "no decision line: values within values too deep at byte 75"},
    };
    for (auto const& row : rows) EXPECT_EQ(refusal(row.line), row.words) << row.line.substr(0, 200);
}

// The tenant of the record behind the line's torn beginning; else why there is none.
std::string behind(std::string_view line)
{
    DecisionRecord record;
    auto const result = parse_behind_torn_line(line, record);
    return result ? record.tenant : result.error().message;
}

TEST(DecisionRecord, IsReadBehindALineThatWasTorn)
{
    auto const whole = line_of(request(), passed());
    for (std::size_t size = 1; size < whole.size(); ++size) EXPECT_EQ(behind(whole.substr(0, size) + whole), "kbz_test") << size;
    EXPECT_EQ(behind(whole.substr(0, 80) + whole.substr(0, 40) + whole), "kbz_test") << "torn twice";
    EXPECT_EQ(behind(std::string(4'096, '\0') + whole), "kbz_test") << "a hole, as a power cut leaves it";
    EXPECT_EQ(behind(with(R"("tenant":"first")") + with(R"("tenant":"second")")), "second");
}

TEST(DecisionRecord, IsNotMadeOfATornLineOrOfATextWithinOne)
{
    auto const whole = line_of(request(), passed());
    std::string const none = "no decision line stands behind it";
    for (std::string const& line : {std::string{}, std::string{"{\"time\":"}, whole.substr(0, 80), whole.substr(1), whole}) EXPECT_EQ(behind(line), none) << line;
    EXPECT_EQ(behind(whole.substr(0, 80) + whole.substr(0, whole.size() - 1)).substr(0, 17), "no decision line:");
    // What a client may write comes with escaped quotes.
    auto asked = request();
    asked.message->message_id = with(R"("tenant":"forged")");
    auto const forged = line_of(asked, passed());
    for (std::size_t size = 1; size < forged.size(); ++size) EXPECT_EQ(behind(forged.substr(0, size)), none) << size;
    // One that holds another: what is behind it shows that it is no line.
    EXPECT_EQ(behind("{" + with("\"new\":" + with(R"("tenant":"inner")"))), "no decision line: more stands behind it at byte 69");
}

TEST(DecisionRecord, KeepsItsMemoryAndNothingElseFromLineToLine)
{
    auto const long_line = line_of(request(), passed());
    DecisionRecord record;
    ASSERT_TRUE(parse_decision_line(long_line, record));
    auto const before = test::allocations();
    ASSERT_TRUE(parse_decision_line(long_line, record));
    EXPECT_EQ(test::allocations(), before);

    ASSERT_TRUE(parse_decision_line(with("\"port\":25"), record));
    EXPECT_EQ(record.tenant + record.ticket + record.queue_id + record.message_id + record.sender + record.recipient + record.state, "");
    EXPECT_EQ(record.size + record.recipients, 0u);
    EXPECT_FALSE(record.from_milter);
}

}   // namespace
}   // namespace mailcore::outcomes
