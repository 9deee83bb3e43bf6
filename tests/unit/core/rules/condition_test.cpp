// What a rule's `when` asks, and what it answers while a fact is not known yet.

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

// The rule's condition as YAML, asked of a request by tenant "t".
Match asked(std::string const& when, mail::Request const& request)
{
    auto const rules = compiled("networks: {office: [192.0.2.0/24, '!192.0.2.9']}\n"
                                "tenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}, u: {clients: [10.0.0.2], senders: ['@u.test']}}\n"
                                "rules: [{name: r, when: " + when + ", action: reject}]");
    return matches(rules.rules.at(0).when, request, "t");
}

TEST(Condition, AnEmptyOneAlwaysHolds) { EXPECT_EQ(asked("{}", request("client_address=10.0.0.1 sender=")), Match::Yes); }

TEST(Condition, EachPartIsAskedOfItsFact)
{
    auto const known = request("client_address=192.0.2.5 sasl_username=joe sender=a@t.test recipient=x@y.test "
                               "helo_name=mail.Example.org server_port=587 encryption_protocol=TLSv1.3");
    struct {
        char const* when;
        Match expected;
    } const cases[] = {
        {"{tenant: t}", Match::Yes},
        {"{tenant: u}", Match::No},
        {"{tenant: [u, t]}", Match::Yes},
        {"{client: 192.0.2.5}", Match::Yes},
        {"{client: $office}", Match::Yes},
        {"{client: [192.0.2.0/24, '!192.0.2.5']}", Match::No},
        {"{client: 10.0.0.0/8}", Match::No},
        {"{login: joe}", Match::Yes},
        {"{login: Joe}", Match::No},
        {"{sender: '@t.test'}", Match::Yes},
        {"{sender: '<>'}", Match::No},
        {"{recipient: ['@q.test', x@Y.test]}", Match::Yes},
        {"{helo: MAIL.example.org}", Match::Yes},
        {"{helo: .example.org}", Match::Yes},
        {"{helo: example.org}", Match::No},
        {"{port: 587}", Match::Yes},
        {"{port: [25, 465]}", Match::No},
        {"{tls: true}", Match::Yes},
        {"{tls: false}", Match::No},
        {"{sender: '@t.test', port: 25}", Match::No},
        {"{sender: '@t.test', not: {port: 25}}", Match::Yes},
        {"{not: {sender: '@t.test'}}", Match::No},
        {"{not: {not: {sender: '@t.test'}}}", Match::Yes},
    };
    for (auto const& c : cases) EXPECT_EQ(asked(c.when, known), c.expected) << c.when;
}

TEST(Condition, TheNullSenderIsNamedByAngleBrackets)
{
    auto const null = request("client_address=10.0.0.1 sender=");
    EXPECT_EQ(asked("{sender: '<>'}", null), Match::Yes);
    EXPECT_EQ(asked("{sender: ['@t.test', '<>']}", null), Match::Yes);
    EXPECT_EQ(asked("{sender: '@t.test'}", null), Match::No);
}

TEST(Condition, WhatIsNotKnownYetIsUnknownAlsoWhenNegated)
{
    auto const at_rcpt = request("client_address=10.0.0.1 sender=a@t.test recipient=x@y.test size=50");
    EXPECT_EQ(asked("{from: '@t.test'}", at_rcpt), Match::Unknown);
    EXPECT_EQ(asked("{not: {from: '@t.test'}}", at_rcpt), Match::Unknown);
    EXPECT_EQ(asked("{from: '@t.test', port: 25}", at_rcpt), Match::No) << "one part that fails is enough";
    EXPECT_EQ(asked("{size_over: 40}", at_rcpt), Match::Yes);
    EXPECT_EQ(asked("{size_over: 50}", at_rcpt), Match::Unknown) << "the message may turn out larger";
    auto const of_many = request("protocol_state=DATA client_address=10.0.0.1 sender=a@t.test");
    EXPECT_EQ(asked("{recipient: x@y.test}", of_many), Match::Unknown);
}

TEST(Condition, AtTheEndARecipientConditionHoldsIfAnyRecipientMatches)
{
    auto request_at_end = request("client_address=10.0.0.1 sender=a@t.test recipient=x@y.test");
    request_at_end.recipients.add().set("z@q.test");
    request_at_end.stage = mail::Stage::EndOfMessage;
    EXPECT_EQ(asked("{recipient: x@y.test}", request_at_end), Match::Yes);
    request_at_end.stage = mail::Stage::Rcpt;
    EXPECT_EQ(asked("{recipient: x@y.test}", request_at_end), Match::No) << "at RCPT the last one is asked about";
}

}   // namespace
}   // namespace mailcore::rules::testing
