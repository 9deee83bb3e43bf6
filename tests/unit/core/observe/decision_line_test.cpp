// Contract: "A decision line".

#include "core/observe/decision_line.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mailcore::observe {
namespace {

constexpr base::Time kTime{std::chrono::milliseconds{1'795'222'800'123}};

mail::Request example()
{
    mail::Request request;
    request.daemon = mail::Daemon::Milter;
    request.stage = mail::Stage::EndOfMessage;
    request.queue_id = "4jWYs717qcz8lWc";
    request.client = "10.0.0.250";
    request.server_port = 25;
    request.sender.set("amazon@inbound.keybuzz.io");
    request.recipients.add().set("bounce@example.com");
    request.size = 2101;
    request.message.emplace();
    request.message->message_id = "<1@keybuzz.io>";
    return request;
}

std::string line_of(mail::Request const& request, mail::Verdict const& verdict)
{
    std::string line;
    append_decision_line(line, {request, verdict, kTime, 38, 2});
    return line;
}

TEST(DecisionLine, HasTheContractsFields)
{
    mail::Verdict verdict;
    verdict.tenant = "kbz_test";
    verdict.ticket = "ticket_smtp_test_001";
    EXPECT_EQ(line_of(example(), verdict),
              R"({"time":"2026-11-21T01:00:00.123Z","daemon":"milter","state":"END-OF-MESSAGE","queue_id":"4jWYs717qcz8lWc",)"
              R"("instance":"","message_id":"<1@keybuzz.io>","tenant":"kbz_test","ticket":"ticket_smtp_test_001","client":"10.0.0.250",)"
              R"("login":"","port":25,"sender":"amazon@inbound.keybuzz.io","recipient":"bounce@example.com","recipients":1,"size":2101,)"
              R"("action":"pass","reason":"ok","rule":"","limit":"","would":"","reply":"","forged_headers_removed":2,"micros":38})" "\n");
}

TEST(DecisionLine, IsJsonWhateverTheClientSays)
{
    auto request = example();
    request.login = std::string{"\"\\\n\r\t\x01\x7f\xff\xc3\xa9\xed\xa0\x80", 13};
    request.sender.set("a\"b\n@x.test");
    request.queue_id.assign(5000, 'q');
    auto const parsed = nlohmann::json::parse(line_of(request, {}));
    EXPECT_EQ(parsed["sender"], "a\"b\n@x.test");
    EXPECT_EQ(parsed["queue_id"].get<std::string>().size(), 512u) << "long values are cut";
    EXPECT_EQ(parsed["login"].get<std::string>(), "\"\\\n\r\t\x01\x7f\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(DecisionLine, NamesTheRecipientOnlyWhereTheVerdictIsAboutOne)
{
    auto request = example();
    request.recipients.add().set("second@example.com");
    EXPECT_NE(line_of(request, {}).find("\"recipient\":\"\",\"recipients\":2"), std::string::npos);
    request.stage = mail::Stage::Rcpt;
    EXPECT_NE(line_of(request, {}).find("\"recipient\":\"second@example.com\",\"recipients\":2"), std::string::npos);
}

}   // namespace
}   // namespace mailcore::observe
