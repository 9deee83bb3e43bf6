// Where a ticket comes from, and what is none.

#include "core/rules/ticket.hpp"

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

std::string found(std::string_view tenant_keys, std::string_view words, std::string_view header)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test']" + std::string{tenant_keys} + "}}");
    auto const asked = message(rules, words, header);
    auto const ticket = find_ticket(*rules.terms.at(0).ticket, asked);
    switch (ticket.state) {
        case Ticket::State::Missing: return "(missing)";
        case Ticket::State::Malformed: return "(malformed)";
        case Ticket::State::Known: return std::string{ticket.value};
    }
    return "";
}

constexpr auto kWords = "client_address=10.0.0.1 sender=a@t.test";

TEST(Ticket, ComesFromTheFirstSourceThatHasOne)
{
    constexpr auto plus = "client_address=10.0.0.1 sender=a+P-1@t.test";
    EXPECT_EQ(found("", plus, "X-KeyBuzz-Ticket: H-1\nSubject: [#S-1]\nReferences: <R-1.x@t.test>"), "H-1");
    EXPECT_EQ(found("", plus, "Subject: [#S-1]\nReferences: <R-1.x@t.test>"), "P-1");
    EXPECT_EQ(found("", kWords, "Subject: Re: order [#S-1]\nReferences: <R-1.x@t.test>"), "S-1");
    EXPECT_EQ(found("", kWords, "Subject: none\nReferences: <R-1.x@t.test>"), "R-1");
    EXPECT_EQ(found("", kWords, "In-Reply-To: <I-1@t.test>"), "I-1");
    EXPECT_EQ(found("", kWords, "Subject: none"), "(missing)");
    EXPECT_EQ(found(", ticket: {sources: [subject, header]}", kWords, "X-KeyBuzz-Ticket: H-1\nSubject: [#S-1]"), "S-1");
    EXPECT_EQ(found(", ticket: {sources: [subject]}", kWords, "X-KeyBuzz-Ticket: H-1"), "(missing)");
}

TEST(Ticket, KeepsItsCase) { EXPECT_EQ(found("", "client_address=10.0.0.1 sender=a+TicKet@T.test", "Subject: x"), "TicKet"); }

TEST(Ticket, AClaimIsDecodedBeforeItIsChecked)
{
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: =?utf-8?q?T-=34711?="), "T-4711");
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: =?utf-8?q?T=0D=0ABcc:=20x=40y.test?="), "(malformed)");
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: =?utf-8?b?VOKApg==?="), "(malformed)");
}

TEST(Ticket, AMalformedClaimIsRefusedAndOtherSourcesAreSkipped)
{
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: two words\nSubject: [#S-1]"), "(malformed)");
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: a\nX-KeyBuzz-Ticket: b"), "(malformed)");
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket: a\nX-KeyBuzz-Ticket: a"), "a");
    EXPECT_EQ(found("", kWords, "X-KeyBuzz-Ticket:\nSubject: [#S-1]"), "S-1") << "an empty claim is none";
    EXPECT_EQ(found("", "client_address=10.0.0.1 sender=a+b!c@t.test", "Subject: [#S-1]"), "S-1");
    EXPECT_EQ(found("", kWords, "Subject: [#no good] [#S-2]"), "S-2") << "the first that fits";
}

TEST(Ticket, NeverHoldsWhatCouldInjectAHeaderWhateverThePatternAllows)
{
    EXPECT_EQ(found(", ticket: {pattern: '(?s).*'}", kWords, "X-KeyBuzz-Ticket: =?utf-8?q?a=0Ab?="), "(malformed)");
    EXPECT_EQ(found(", ticket: {pattern: '(?s).*', subject: '\\[#([^\\]]*)\\]'}", kWords, "Subject: =?utf-8?q?[#a=0Ab]?="), "(missing)");
}

TEST(Ticket, ThePatternIsForTheWholeValue)
{
    EXPECT_EQ(found(", ticket: {pattern: '[0-9]+'}", kWords, "X-KeyBuzz-Ticket: 12a"), "(malformed)");
    EXPECT_EQ(found(", ticket: {pattern: '[0-9]+'}", kWords, "X-KeyBuzz-Ticket: 12"), "12");
}

}   // namespace
}   // namespace mailcore::rules::testing
