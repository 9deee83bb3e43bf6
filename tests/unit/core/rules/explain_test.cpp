// The trace behind `mailcorectl explain`.

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

std::vector<std::string> explained(Ruleset const& rules, mail::Request const& asked, Suspensions const& suspensions = {})
{
    Trace trace;
    decide(rules, asked, suspensions, &trace);
    std::vector<std::string> lines;
    for (auto const& [step, text] : trace.steps) lines.push_back(step + ": " + text);
    return lines;
}

TEST(Explain, TellsEachStepInWords)
{
    auto const rules = compiled(R"(
tenants: {shop: {clients: [10.0.0.1], senders: ["@shop.test"], recipients: {deny: ["@no.test"]}}}
rules: [{name: no-vip, when: {recipient: "@vip.test"}, action: reject}]
)");
    EXPECT_EQ(explained(rules, request("client_address=10.0.0.1 sender=a@shop.test recipient=x@no.test")),
              (std::vector<std::string>{
                  "client: 10.0.0.1: in a tenant's clients", "sender: a@shop.test: within a tenant's senders",
                  "recipient: x@no.test: denied", "tenant: shop",
                  "verdict: reject, recipient_not_allowed: 554 5.7.1 Recipient not allowed for this tenant (recipient_not_allowed)"}));
    EXPECT_EQ(explained(rules, request("client_address=10.0.0.9 sender=a@shop.test")),
              (std::vector<std::string>{
                  "client: 10.0.0.9: in no tenant's clients",
                  "verdict: reject, client_not_allowed: 554 5.7.1 Client host not allowed to send (client_not_allowed)"}));
}

TEST(Explain, TellsThatAnOperatorHasSuspendedTheTenantAndWhy)
{
    auto const rules = compiled("tenants: {shop: {clients: [10.0.0.1], senders: ['@shop.test']}}");
    auto const asked = request("client_address=10.0.0.1 sender=a@shop.test");
    EXPECT_EQ(explained(rules, asked, suspended({"shop"})),
              (std::vector<std::string>{
                  "client: 10.0.0.1: in a tenant's clients", "sender: a@shop.test: within a tenant's senders",
                  "suspension: suspended by an operator: spam, ticket 4711", "tenant: shop",
                  "verdict: reject, tenant_suspended: 554 5.7.1 Tenant is suspended (tenant_suspended)"}));

    Suspensions without_words;
    without_words.merge("shop", {true, kNow, ""});
    EXPECT_EQ(explained(rules, asked, without_words)[2], "suspension: suspended by an operator");
}

TEST(Explain, DoesNotCountAsAHitOfTheRule)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}\nrules: [{name: all, when: {}, action: reject}]");
    explained(rules, request("client_address=10.0.0.1 sender=a@t.test recipient=x@y.test"));
    EXPECT_EQ(rules.rules[0].hits->load(), 0u);
}

TEST(Explain, ChangesNothingAboutTheVerdict)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], size: 5}}");
    auto const asked = request("client_address=10.0.0.1 sender=a@t.test size=6");
    Trace trace;
    EXPECT_EQ(decide(rules, asked, {}, &trace), decide(rules, asked));
}

}   // namespace
}   // namespace mailcore::rules::testing
