#include "core/mail/message.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/mail/corpus.hpp"

namespace mailcore::mail {
namespace {

HeaderNames const kNames{.tenant_claims = {"X-KeyBuzz-Tenant"},
                         .ticket_claims = {"X-KeyBuzz-Ticket"},
                         .stamp_tenant = "X-KeyBuzz-Tenant",
                         .stamp_ticket = "X-KeyBuzz-Ticket",
                         .stamp_signature = "X-KeyBuzz-Stamp"};

std::string describe(Message const& message)
{
    std::string text;
    auto const line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) text += std::string{name} + " " + test::escaped(value) + "\n";
    };
    for (auto const& claim : message.tenant_claims) line("tenant", claim);
    for (auto const& claim : message.ticket_claims) line("ticket", claim);
    line("subject", message.subject);
    line("references", message.references);
    line("in-reply-to", message.in_reply_to);
    line("message-id", message.message_id);
    return text;
}

TEST(Message, CorpusOfTicketSources)
{
    test::check_corpus("tickets", "header", 45, [](std::string const& header) {
        Message message;
        for (auto const& field : test::split_header(header)) message.add_header(field.name, field.value, kNames);
        return describe(message);
    });
}

TEST(Message, GathersSeveralClaimHeaders)
{
    auto names = kNames;
    names.ticket_claims.push_back("X-Legacy-Ticket");
    Message message;
    message.add_header("x-legacy-ticket", "T-2", names);
    message.add_header("X-KeyBuzz-Ticket", "T-1", names);
    EXPECT_EQ(message.ticket_claims, (std::vector<std::string>{"T-2", "T-1"}));
}

TEST(Message, OneHeaderMayClaimBoth)
{
    HeaderNames const names{.tenant_claims = {"X-Claim"}, .ticket_claims = {"X-Claim"}, .stamp_tenant = {}, .stamp_ticket = {}, .stamp_signature = {}};
    Message message;
    message.add_header("X-Claim", "one", names);
    EXPECT_EQ(message.tenant_claims, message.ticket_claims);
}

TEST(Message, OrdinaryFieldsMayBeClaimsToo)
{
    HeaderNames const names{.tenant_claims = {}, .ticket_claims = {"Subject"}, .stamp_tenant = {}, .stamp_ticket = {}, .stamp_signature = {}};
    Message message;
    message.add_header("Subject", "T-1", names);
    EXPECT_EQ(message.ticket_claims, (std::vector<std::string>{"T-1"}));
    EXPECT_EQ(message.subject, "T-1");
}

TEST(Message, CutsLongValues)
{
    std::string const long_value(Message::kMaxValue + 1000, 'x');
    Message message;
    message.add_header("Subject", long_value, kNames);
    message.add_header("Message-ID", long_value, kNames);
    message.add_header("X-KeyBuzz-Ticket", long_value, kNames);
    EXPECT_EQ(message.subject.size(), Message::kMaxValue);
    EXPECT_EQ(message.message_id.size(), Message::kMaxValue);
    EXPECT_EQ(message.ticket_claims.at(0).size(), Message::kMaxValue);
}

TEST(Message, ManyReferencesDoNotGrowWithoutEnd)
{
    Message message;
    for (int i = 0; i < 5000; ++i) message.add_header("References", "<" + std::string(100, 'x') + "@example.org>", kNames);
    EXPECT_LE(message.references.size(), Message::kMaxValue);
}

TEST(Message, ALongFromIsMalformedRatherThanCut)
{
    Message message;
    message.add_header("From", "a@example.org" + std::string(Message::kMaxValue, ' ') + ", b@example.org", kNames);
    EXPECT_EQ(message.from.state, HeaderFrom::State::Malformed);
}

TEST(Message, ClearForgetsEverything)
{
    Message message;
    for (auto const& [name, value] : test::split_header("From: a@x\nSubject:\nMessage-ID:\nX-KeyBuzz-Tenant: t\nX-KeyBuzz-Ticket: T\nReferences: <1>\nIn-Reply-To: <2>\n")) {
        message.add_header(name, value, kNames);
    }
    message.clear();
    EXPECT_EQ(describe(message), "");
    EXPECT_EQ(message.from.state, HeaderFrom::State::None);
    message.add_header("Subject", "second message", kNames);
    message.add_header("Message-ID", "<2@x>", kNames);
    EXPECT_EQ(message.subject, "second message");
    EXPECT_EQ(message.message_id, "<2@x>");
}

TEST(HeaderName, LosesBlanksBeforeTheColon)
{
    EXPECT_EQ(header_name("X-Foo"), "X-Foo");
    EXPECT_EQ(header_name("X-Foo \t "), "X-Foo");
    EXPECT_EQ(header_name(" X-Foo"), " X-Foo");
    EXPECT_EQ(header_name(" "), "");
    EXPECT_EQ(header_name(""), "");
}

// RFC 5322 2.2.3.
TEST(Unfolded, LosesLineEndsBeforeBlanksOnly)
{
    EXPECT_EQ(unfolded("a\n b\r\n\tc"), "a b\tc");
    EXPECT_EQ(unfolded("a\nb"), "a\nb");
    EXPECT_EQ(unfolded("a\rb"), "a\rb");
    EXPECT_EQ(unfolded("a\r b"), "a\r b");
    EXPECT_EQ(unfolded("a\r\n"), "a\r\n");
    EXPECT_EQ(unfolded("a\n"), "a\n");
    EXPECT_EQ(unfolded("\n\n a"), "\n a");
    EXPECT_EQ(unfolded(""), "");
}

}   // namespace
}   // namespace mailcore::mail
