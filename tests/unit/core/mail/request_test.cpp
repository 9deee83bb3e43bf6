#include "core/mail/request.hpp"

#include <gtest/gtest.h>

namespace mailcore::mail {
namespace {

std::string const kDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(NormalizedDigest, DoesNotMindColonsCaseOrPrefix)
{
    EXPECT_EQ(normalized_digest(kDigest), kDigest);
    EXPECT_EQ(normalized_digest("sha256:" + kDigest), kDigest);
    EXPECT_EQ(normalized_digest("SHA256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"), kDigest);
    EXPECT_EQ(normalized_digest("01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF"), kDigest);
}

TEST(NormalizedDigest, IsEmptyForAnythingElse)
{
    for (std::string const& written : {std::string{}, std::string{"sha256:"}, kDigest.substr(1), kDigest + "0", "md5:" + kDigest,
                                       "x" + kDigest.substr(1), kDigest + " ", "sha256:sha256:" + kDigest}) {
        EXPECT_EQ(normalized_digest(written), "") << written;
    }
}

TEST(Request, ClearForgetsEverything)
{
    Request request;
    request.daemon = Daemon::Milter;
    request.stage = Stage::EndOfMessage;
    request.client = "10.0.0.1";
    request.client_address = net::IpAddress::parse("10.0.0.1").value();
    request.helo = "x";
    request.login = "x";
    request.certificate = {Certificate::State::Present, kDigest};
    request.tls = true;
    request.server_port = 25;
    request.local = true;
    request.instance = "x";
    request.queue_id = "x";
    request.sender.set("a@example.org");
    request.recipients.add().set("a@example.org");
    request.recipient_count = 1;
    request.size = 1;
    request.message.emplace();
    request.clear();

    EXPECT_EQ(request.daemon, Daemon::Policy);
    EXPECT_EQ(request.stage, Stage::Connect);
    EXPECT_FALSE(request.knows_size_exactly());
    EXPECT_EQ(request.client + request.helo + request.login + request.instance + request.queue_id + request.certificate.digest, "");
    EXPECT_FALSE(request.client_address);
    EXPECT_EQ(request.certificate.state, Certificate::State::Absent);
    EXPECT_FALSE(request.tls);
    EXPECT_EQ(request.server_port, 0);
    EXPECT_FALSE(request.local);
    EXPECT_EQ(request.sender.kind(), Address::Kind::Absent);
    EXPECT_TRUE(request.recipients.empty());
    EXPECT_EQ(request.recipient_count, 0u);
    EXPECT_EQ(request.size, 0u);
    EXPECT_FALSE(request.message);
}

TEST(StageWord, IsPostfixs)
{
    EXPECT_EQ(word(Stage::EndOfMessage), "END-OF-MESSAGE");
    EXPECT_EQ(word(Stage::Rcpt), "RCPT");
    EXPECT_EQ(word(Daemon::Milter), "milter");
    EXPECT_EQ(word(Daemon::Policy), "policy");
}

}   // namespace
}   // namespace mailcore::mail
