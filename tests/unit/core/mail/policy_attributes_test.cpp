#include "core/mail/policy_attributes.hpp"

#include <gtest/gtest.h>
#include <utility>
#include <vector>

namespace mailcore::mail {
namespace {

using Attributes = std::vector<std::pair<std::string_view, std::string_view>>;

struct Outcome {
    Request request;
    bool complete = false;
};

// The request that these attributes make, in this order.
Outcome read(Attributes const& attributes)
{
    Outcome outcome;
    AttributeReader reader{outcome.request};
    for (auto const& [name, value] : attributes) EXPECT_NE(reader.set(name, value), AttributeUse::Malformed) << name;
    outcome.complete = reader.finish();
    return outcome;
}

AttributeUse use_of(std::string_view name, std::string_view value)
{
    Request request;
    return AttributeReader{request}.set(name, value);
}

// What Postfix 3.7.11 sends at RCPT to a client on the private network.
Attributes const kRcpt{{"request", "smtpd_access_policy"},
                       {"protocol_state", "RCPT"},
                       {"protocol_name", "ESMTP"},
                       {"client_address", "10.0.0.250"},
                       {"client_name", "backend.keybuzz.internal"},
                       {"client_port", "40112"},
                       {"reverse_client_name", "backend.keybuzz.internal"},
                       {"server_address", "10.0.0.1"},
                       {"server_port", "25"},
                       {"helo_name", "backend"},
                       {"sender", "amazon@inbound.keybuzz.io"},
                       {"recipient", "buyer@example.com"},
                       {"recipient_count", "0"},
                       {"queue_id", ""},
                       {"instance", "4e1c.692a4d10.7b1f0.0"},
                       {"size", "2101"},
                       {"etrn_domain", ""},
                       {"stress", ""},
                       {"sasl_method", ""},
                       {"sasl_username", ""},
                       {"sasl_sender", ""},
                       {"ccert_subject", ""},
                       {"ccert_issuer", ""},
                       {"ccert_fingerprint", ""},
                       {"ccert_pubkey_fingerprint", ""},
                       {"encryption_protocol", ""},
                       {"encryption_cipher", ""},
                       {"encryption_keysize", "0"},
                       {"policy_context", ""}};

TEST(AttributeReader, ReadsARecipientRequest)
{
    auto const outcome = read(kRcpt);
    auto const& request = outcome.request;
    EXPECT_TRUE(outcome.complete);
    EXPECT_EQ(request.daemon, Daemon::Policy);
    EXPECT_EQ(request.stage, Stage::Rcpt);
    EXPECT_EQ(request.client, "10.0.0.250");
    EXPECT_EQ(request.client_address, net::IpAddress::parse("10.0.0.250").value());
    EXPECT_EQ(request.helo, "backend");
    EXPECT_EQ(request.sender.text(), "amazon@inbound.keybuzz.io");
    ASSERT_EQ(request.recipients.size(), 1u);
    EXPECT_EQ(request.recipients.back().text(), "buyer@example.com");
    EXPECT_EQ(request.recipient_count, 0u);
    EXPECT_EQ(request.queue_id, "");
    EXPECT_EQ(request.instance, "4e1c.692a4d10.7b1f0.0");
    EXPECT_EQ(request.size, 2101u);
    EXPECT_EQ(request.login, "");
    EXPECT_EQ(request.certificate.state, Certificate::State::Absent);
    EXPECT_FALSE(request.tls);
    EXPECT_EQ(request.server_port, 25);
    EXPECT_FALSE(request.message);
}

TEST(AttributeReader, DoesNotMindTheOrder)
{
    Attributes backwards{kRcpt.rbegin(), kRcpt.rend()};
    auto const outcome = read(backwards);
    EXPECT_TRUE(outcome.complete);
    EXPECT_EQ(outcome.request.stage, Stage::Rcpt);
    EXPECT_EQ(outcome.request.sender.text(), "amazon@inbound.keybuzz.io");
    EXPECT_EQ(outcome.request.recipients.size(), 1u);
}

TEST(AttributeReader, ReadsASubmissionWithLoginAndCertificate)
{
    std::string const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    auto const outcome = read({{"request", "smtpd_access_policy"},
                     {"protocol_state", "DATA"},
                     {"sender", "a@example.org"},
                     {"sasl_username", "anna@example.org"},
                     {"ccert_pubkey_fingerprint", "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF"},
                     {"encryption_protocol", "TLSv1.3"},
                     {"server_port", "587"},
                     {"queue_id", "4jWYs717qcz8lWc"},
                     {"recipient_count", "3"}});
    EXPECT_EQ(outcome.request.login, "anna@example.org");
    EXPECT_EQ(outcome.request.certificate.state, Certificate::State::Present);
    EXPECT_EQ(outcome.request.certificate.digest, digest);
    EXPECT_TRUE(outcome.request.tls);
    EXPECT_EQ(outcome.request.server_port, 587);
    EXPECT_EQ(outcome.request.queue_id, "4jWYs717qcz8lWc");
    EXPECT_EQ(outcome.request.recipient_count, 3u);
    EXPECT_TRUE(outcome.request.recipients.empty()) << "several recipients: Postfix names none at DATA";
}

TEST(AttributeReader, KnowsEveryStage)
{
    constexpr std::pair<std::string_view, Stage> stages[] = {
        {"CONNECT", Stage::Connect}, {"HELO", Stage::Helo}, {"EHLO", Stage::Helo},
        {"MAIL", Stage::Mail},       {"RCPT", Stage::Rcpt}, {"DATA", Stage::Data},
        {"END-OF-MESSAGE", Stage::EndOfMessage}, {"VRFY", Stage::Vrfy}, {"ETRN", Stage::Etrn}};
    for (auto const& [word_sent, stage] : stages) {
        EXPECT_EQ(read({{"protocol_state", word_sent}}).request.stage, stage) << word_sent;
    }
    for (std::string_view const other : {"", "rcpt", "BDAT", "RCPT ", "END-OF-DATA"}) {
        EXPECT_EQ(use_of("protocol_state", other), AttributeUse::Malformed) << other;
    }
}

TEST(AttributeReader, AnEmptySenderIsNullFromMailOn)
{
    for (std::string_view const stage : {"MAIL", "RCPT", "DATA", "END-OF-MESSAGE"}) {
        EXPECT_EQ(read({{"sender", ""}, {"protocol_state", stage}}).request.sender.kind(), Address::Kind::Null) << stage;
        EXPECT_EQ(read({{"protocol_state", stage}, {"sender", ""}}).request.sender.kind(), Address::Kind::Null) << stage;
    }
}

TEST(AttributeReader, AnEmptySenderIsAbsentBeforeMail)
{
    for (std::string_view const stage : {"CONNECT", "HELO", "EHLO", "VRFY", "ETRN"}) {
        EXPECT_EQ(read({{"sender", ""}, {"protocol_state", stage}}).request.sender.kind(), Address::Kind::Absent) << stage;
        EXPECT_EQ(read({{"protocol_state", stage}, {"sender", ""}}).request.sender.kind(), Address::Kind::Absent) << stage;
    }
    EXPECT_EQ(read({{"protocol_state", "RCPT"}}).request.sender.kind(), Address::Kind::Absent) << "never sent";
}

TEST(AttributeReader, TheFirstOfEqualNamesCounts)
{
    auto const outcome = read({{"protocol_state", "RCPT"},
                     {"sender", "a@example.org"},
                     {"sender", "b@example.org"},
                     {"recipient", ""},
                     {"recipient", "c@example.org"},
                     {"size", "1"},
                     {"size", "2"},
                     {"protocol_state", "CONNECT"}});
    EXPECT_EQ(outcome.request.sender.text(), "a@example.org");
    EXPECT_TRUE(outcome.request.recipients.empty());
    EXPECT_EQ(outcome.request.size, 1u);
    EXPECT_EQ(outcome.request.stage, Stage::Rcpt);
}

TEST(AttributeReader, IgnoresASecondValueEvenIfMalformed)
{
    Request request;
    AttributeReader reader{request};
    EXPECT_EQ(reader.set("size", "1"), AttributeUse::Used);
    EXPECT_EQ(reader.set("size", "x"), AttributeUse::Ignored);
}

// SMTPD_POLICY_README: absent, empty or 0.
TEST(AttributeReader, TakesThreeFormsOfNotAvailable)
{
    for (std::string_view const nothing : {"", "0"}) {
        auto const outcome = read({{"size", nothing}, {"recipient_count", nothing}, {"server_port", nothing}});
        EXPECT_EQ(outcome.request.size, 0u);
        EXPECT_EQ(outcome.request.recipient_count, 0u);
        EXPECT_EQ(outcome.request.server_port, 0);
    }
}

TEST(AttributeReader, RefusesNumbersThatAreNone)
{
    for (std::string_view const name : {"size", "recipient_count", "server_port"}) {
        for (std::string_view const value : {"-1", "+1", "1 ", " 1", "1.5", "0x10", "ten", "99999999999999999999999"}) {
            EXPECT_EQ(use_of(name, value), AttributeUse::Malformed) << name << "=" << value;
        }
    }
    EXPECT_EQ(use_of("server_port", "65536"), AttributeUse::Malformed);
    EXPECT_EQ(use_of("recipient_count", "4294967296"), AttributeUse::Malformed);
    EXPECT_EQ(read({{"size", "18446744073709551615"}}).request.size, 18446744073709551615u);
}

TEST(AttributeReader, RefusesAnotherKindOfRequest)
{
    EXPECT_EQ(use_of("request", "smtpd_access_policy"), AttributeUse::Used);
    EXPECT_EQ(use_of("request", "SMTPD_ACCESS_POLICY"), AttributeUse::Malformed);
    EXPECT_EQ(use_of("request", "junk"), AttributeUse::Malformed);
    EXPECT_EQ(use_of("request", ""), AttributeUse::Malformed);
}

TEST(AttributeReader, KeepsBlanksAndControlCharactersOfValues)
{
    auto const outcome = read({{"protocol_state", "RCPT"}, {"helo_name", " a\tb\r "}, {"sender", " a b@example.org "}, {"sasl_username", " anna "}});
    EXPECT_EQ(outcome.request.helo, " a\tb\r ");
    EXPECT_EQ(outcome.request.sender.text(), " a b@example.org ");
    EXPECT_EQ(outcome.request.login, " anna ");
}

TEST(AttributeReader, ReadsClientAddressesOfEveryForm)
{
    auto const v4 = net::IpAddress::parse("192.0.2.7").value();
    EXPECT_EQ(read({{"client_address", "::ffff:192.0.2.7"}}).request.client_address, v4);
    EXPECT_EQ(read({{"client_address", "2001:db8::1"}}).request.client_address, net::IpAddress::parse("2001:db8::1").value());
    for (std::string_view const none : {"unknown", "", "local", "/run/socket"}) {
        auto const outcome = read({{"client_address", none}});
        EXPECT_FALSE(outcome.request.client_address) << none;
        EXPECT_EQ(outcome.request.client, none);
    }
}

TEST(AttributeReader, ADigestOfAnotherKindMatchesNothing)
{
    auto const outcome = read({{"ccert_pubkey_fingerprint", "D4:1D:8C:D9:8F:00:B2:04:E9:80:09:98:EC:F8:42:7E"}});
    EXPECT_EQ(outcome.request.certificate.state, Certificate::State::Present);
    EXPECT_EQ(outcome.request.certificate.digest, "d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e");
}

TEST(AttributeReader, IgnoresWhatItDoesNotNeed)
{
    for (std::string_view const name : {"client_name", "tls_sni", "mail_version", "no_such_attribute", "", "Sender", "senders", "sende"}) {
        EXPECT_EQ(use_of(name, "anything"), AttributeUse::Ignored) << name;
    }
}

TEST(AttributeReader, NoticesWhatIsMissing)
{
    EXPECT_TRUE(read({{"request", "smtpd_access_policy"}, {"protocol_state", "CONNECT"}}).complete);
    EXPECT_TRUE(read({{"request", "smtpd_access_policy"}, {"protocol_state", "MAIL"}, {"sender", ""}}).complete);
    EXPECT_FALSE(read({{"request", "smtpd_access_policy"}, {"protocol_state", "MAIL"}}).complete);
    EXPECT_FALSE(read({{"request", "smtpd_access_policy"}}).complete);
    EXPECT_FALSE(read({{"protocol_state", "CONNECT"}}).complete);
    EXPECT_FALSE(read({}).complete);
}

TEST(AttributeReader, ARequestIsUsedAgain)
{
    Request request;
    for (int i = 0; i < 3; ++i) {
        request.clear();
        AttributeReader reader{request};
        for (auto const& [name, value] : kRcpt) reader.set(name, value);
        EXPECT_TRUE(reader.finish());
        EXPECT_EQ(request.recipients.size(), 1u);
    }
    request.clear();
    EXPECT_TRUE(request.recipients.empty());
    EXPECT_FALSE(request.client_address);
    EXPECT_EQ(request.sender.kind(), Address::Kind::Absent);
}

TEST(AttributeReader, ReadsLinesAsItReadsNamesAndValues)
{
    auto const by_lines = [](Attributes const& attributes) {
        Request request;
        AttributeReader reader{request};
        for (auto const& [name, value] : attributes) {
            EXPECT_NE(reader.set_line(std::string{name} + "=" + std::string{value}), AttributeUse::Malformed) << name;
        }
        EXPECT_TRUE(reader.finish());
        return request;
    };
    for (auto const& attributes : {kRcpt, Attributes{kRcpt.rbegin(), kRcpt.rend()}}) {
        auto const expected = read(attributes).request;
        auto const request = by_lines(attributes);
        EXPECT_EQ(request.stage, expected.stage);
        EXPECT_EQ(request.client_address, expected.client_address);
        EXPECT_EQ(request.sender, expected.sender);
        EXPECT_EQ(request.recipients.back(), expected.recipients.back());
        EXPECT_EQ(request.instance, expected.instance);
        EXPECT_EQ(request.size, expected.size);
        EXPECT_EQ(request.server_port, expected.server_port);
    }
}

TEST(AttributeReader, ALineHasAnEqualsSign)
{
    auto const use_of_line = [](std::string_view line) {
        Request request;
        return AttributeReader{request}.set_line(line);
    };
    EXPECT_EQ(use_of_line("request"), AttributeUse::Malformed);
    EXPECT_EQ(use_of_line(""), AttributeUse::Malformed);
    EXPECT_EQ(use_of_line("="), AttributeUse::Ignored);
    EXPECT_EQ(use_of_line("requests=smtpd_access_policy"), AttributeUse::Ignored);
    EXPECT_EQ(use_of_line("request=smtpd_access_policy"), AttributeUse::Used);
    EXPECT_EQ(use_of_line("request=junk"), AttributeUse::Malformed);
    EXPECT_EQ(use_of_line("helo_name=a=b"), AttributeUse::Used);
}

TEST(AttributeReader, TheFirstOfEqualLinesCounts)
{
    Request request;
    AttributeReader reader{request};
    EXPECT_EQ(reader.set_line("size=1"), AttributeUse::Used);
    EXPECT_EQ(reader.set_line("size=2"), AttributeUse::Ignored);
    EXPECT_EQ(request.size, 1u);
}

TEST(KnownAttribute, IsEveryOneOfPostfix)
{
    for (auto const& [name, value] : kRcpt) EXPECT_TRUE(is_known_attribute(name)) << name;
    for (std::string_view const name : {"compatibility_level", "mail_version", "tls_sni"}) EXPECT_TRUE(is_known_attribute(name)) << name;
    for (std::string_view const name : {"", "message", "SENDER", "sender ", "recipients"}) EXPECT_FALSE(is_known_attribute(name)) << name;
}

}   // namespace
}   // namespace mailcore::mail
