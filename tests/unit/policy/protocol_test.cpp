// Postfix's policy delegation protocol: bytes to Requests, Verdicts to bytes.

#include "policy/protocol.hpp"

#include <gtest/gtest.h>

namespace mailcore::policy {
namespace {

constexpr std::string_view kRcpt =
    "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nhelo_name=app.test\nqueue_id=\n"
    "sender=amazon@inbound.keybuzz.io\nrecipient=a b@example.com\nrecipient_count=0\nclient_address=10.0.0.250\n"
    "instance=1a2b.5f5e1000.1.0\nsasl_username=joe\nsize=2101\nencryption_protocol=TLSv1.3\nserver_port=587\n"
    "an_attribute_of_the_future=x=y\n\n";

TEST(PolicyProtocol, FillsARequestFromAttributes)
{
    mail::Request request;
    ASSERT_TRUE(parse_policy_request(kRcpt, request));
    EXPECT_EQ(request.daemon, mail::Daemon::Policy);
    EXPECT_EQ(request.stage, mail::Stage::Rcpt);
    EXPECT_EQ(request.sender.text(), "amazon@inbound.keybuzz.io");
    ASSERT_EQ(request.recipients.size(), 1u);
    EXPECT_EQ(request.recipients.back().text(), "a b@example.com") << "internal form: blanks belong to it";
    EXPECT_EQ(request.client, "10.0.0.250");
    EXPECT_EQ(request.instance, "1a2b.5f5e1000.1.0");
    EXPECT_EQ(request.login, "joe");
    EXPECT_EQ(request.size, 2101u);
    EXPECT_TRUE(request.tls);
    EXPECT_EQ(request.server_port, 587);
}

TEST(PolicyProtocol, KeepsNothingOfTheRequestBefore)
{
    mail::Request request;
    ASSERT_TRUE(parse_policy_request(kRcpt, request));
    ASSERT_TRUE(parse_policy_request("request=smtpd_access_policy\nprotocol_state=CONNECT\nclient_address=192.0.2.1\n\n", request));
    EXPECT_EQ(request.login, "");
    EXPECT_TRUE(request.recipients.empty());
    EXPECT_EQ(request.sender.kind(), mail::Address::Kind::Absent);
    EXPECT_FALSE(request.tls);
}

TEST(PolicyProtocol, FindsTheEndOfARequestWhereverItIsCut)
{
    std::string const two = std::string{kRcpt} + std::string{kRcpt};
    for (std::size_t cut = 0; cut < kRcpt.size(); ++cut) {
        EXPECT_EQ(request_length(two.substr(0, cut)), 0u) << cut;
        EXPECT_EQ(request_length(two, cut), kRcpt.size()) << "having seen the first " << cut << " bytes";
    }
}

TEST(PolicyProtocol, RefusesWhatPostfixNeverSends)
{
    std::string const start = "request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a@b\n";
    std::string many;
    for (int i = 0; i < kMaxAttributes; ++i) many += "x" + std::to_string(i) + "=\n";
    struct {
        std::string text;
        char const* complaint;
    } const cases[] = {
        {"\n", "request, protocol_state or sender is missing"},
        {start + "nonsense\n\n", "a line without \"=\": \"nonsense\""},
        {start + "x=" + std::string(1, '\0') + "\n\n", "a NUL byte"},
        {start + "x=" + std::string(kMaxLine, 'y') + "\n\n", "a line longer than 8192 bytes"},
        {start + many + "\n", "more than 200 attributes"},
        {start + std::string(kMaxRequest, 'y') + "\n\n", "a request longer than 65536 bytes"},
        {"request=other\n\n", "attribute request has a value that Postfix never sends"},
        {start + "size=-1\n\n", "attribute size has a value that Postfix never sends"},
        {"request=smtpd_access_policy\nprotocol_state=SLEEP\n\n", "attribute protocol_state has a value that Postfix never sends"},
    };
    for (auto const& c : cases) {
        mail::Request request;
        auto const parsed = parse_policy_request(c.text, request);
        ASSERT_FALSE(parsed) << c.complaint;
        EXPECT_EQ(parsed.error().message, c.complaint);
    }
}

std::string rendered(mail::Verdict const& verdict)
{
    std::string out;
    append_policy_reply(out, verdict);
    return out;
}

// README: OK and bare numbers permit. Whatever the verdict, the answer is neither.
TEST(PolicyProtocol, NeverPermits)
{
    EXPECT_EQ(rendered({}), "action=DUNNO\n\n");
    for (int a = 1; a < mail::kActions; ++a) {
        for (int r = 0; r < mail::kReasons; ++r) {
            mail::Verdict verdict;
            verdict.action = static_cast<mail::Action>(a);
            verdict.reason = static_cast<mail::Reason>(r);
            verdict.reply = mail::reply_for(verdict.action, verdict.reason);
            auto const text = rendered(verdict);
            EXPECT_TRUE(text.starts_with("action=5") || text.starts_with("action=4") || text.starts_with("action=HOLD ")) << text;
            EXPECT_NE(text.find(' '), std::string::npos) << "a bare number would permit: " << text;
            EXPECT_TRUE(text.ends_with("\n\n")) << text;
        }
    }
}

TEST(PolicyProtocol, RendersRefusalsWithCodeEnhancedCodeAndReasonWord)
{
    mail::Verdict verdict;
    verdict.action = mail::Action::Reject;
    verdict.reply = mail::reply_for(verdict.action, mail::Reason::SizeExceeded);
    EXPECT_EQ(rendered(verdict), "action=552 5.3.4 Message larger than the tenant may send (size_exceeded)\n\n");
    verdict.action = mail::Action::Defer;
    verdict.reply = mail::reply_for(verdict.action, mail::Reason::InternalError);
    EXPECT_EQ(rendered(verdict), "action=451 4.3.0 Mail gate in trouble, try again later (internal_error)\n\n");
    mail::Verdict held;
    held.action = mail::Action::Hold;
    held.rule = "look";
    EXPECT_EQ(rendered(held), "action=HOLD held by rule look\n\n");
}

}   // namespace
}   // namespace mailcore::policy
