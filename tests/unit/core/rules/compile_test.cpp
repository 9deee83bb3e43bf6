// Settings to Ruleset: what is refused, in which words and where; what is shared.

#include <gmock/gmock.h>

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> problems_of(std::string_view yaml)
{
    config::Diagnostics problems;
    compiled_with_problems(yaml, problems);
    std::vector<std::string> lines;
    for (auto const& problem : problems.all()) {
        auto const severity = problem.severity == config::Severity::Warning ? ": warning: " : ": ";
        lines.push_back(problem.position.text() + severity + problem.message);
    }
    return lines;
}

TEST(Compile, ComplainsOfWhatTheTextsSayAtTheirPlaces)
{
    struct {
        char const* yaml;
        char const* complaint;
    } const cases[] = {
        {"tenants: {t: {clients: [10.0.0.1/24], senders: ['@t.test']}}",
         "test.yaml:1:25: \"10.0.0.1/24\" has address bits beyond its prefix; did you mean 10.0.0.0/24?"},
        {"tenants: {t: {clients: [10.0.0.300], senders: ['@t.test']}}",
         "test.yaml:1:25: \"10.0.0.300\" is not a network; write an address or a block, as in 10.0.0.0/24 or [2001:db8::]/32"},
        {"networks: {backend: [10.0.0.1]}\ntenants: {t: {clients: [$backnd], senders: ['@t.test']}}",
         "test.yaml:2:25: unknown network \"$backnd\"; did you mean \"$backend\"?"},
        {"networks: {a: [$b], b: [$a]}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}", "test.yaml:1:25: network \"$a\" holds itself"},
        {"tenants: {t: {clients: [10.0.0.1], senders: [t.test]}}",
         "test.yaml:1:46: \"t.test\" is not an address pattern: it has no @; write user@example.org, @example.org or @.example.org"},
        {"tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], certificates: ['sha256:abc']}}",
         "test.yaml:1:73: \"sha256:abc\" is not a certificate's digest; write sha256: and the 64 hex digits of its public key's SHA-256"},
        {"tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], ticket: {pattern: '[a-'}}}",
         "test.yaml:1:76: \"[a-\" is not a regular expression as RE2 reads it: missing ]: [a-"},
        {"tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], ticket: {subject: 'x+'}}}",
         "test.yaml:1:76: \"x+\" needs a group in parentheses that is the ticket"},
        {"tenants: {shop: {clients: [10.0.0.1], senders: ['@t.test']}}\nrules: [{name: r, when: {tenant: shup}, action: reject}]",
         "test.yaml:2:34: unknown tenant \"shup\"; did you mean \"shop\"?"},
        {"stamp: {tenant_header: From}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:24: \"From\" has a meaning of its own in mail and would be taken out of every message; name a header of yours, "
         "as in X-Tenant"},
        {"claims: {ticket_headers: [X-Mine, List-Id]}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:35: \"List-Id\" has a meaning of its own in mail and would be taken out of every message; name a header of yours, "
         "as in X-Tenant"},
        {"stamp: {tenant_header: X-A, ticket_header: x-a}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:44: the three headers of the stamp must have different names"},
        {"milter: {listen: systemd}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:18: milter.listen: libmilter makes its socket itself; write unix:/path or inet:host:port"},
        {"policy: {listen: unix:relative.sock}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:18: policy.listen: the path of a unix socket must be absolute, as in unix:/run/mailcore/policy.sock"},
        {"claims: {tenant_headers: []}\ntenants:\n  one: {clients: [10.0.0.1], senders: ['@t.test']}\n  two: {clients: [10.0.0.1], senders: ['@T.test']}\n",
         "test.yaml:4:3: tenants \"one\" (test.yaml:3:3) and \"two\" have equal evidence and senders; nothing tells them apart: "
         "give them different senders, or set claims.tenant_headers"},
    };
    for (auto const& c : cases) EXPECT_THAT(problems_of(c.yaml), ElementsAre(c.complaint)) << c.yaml;
}

TEST(Compile, TellsEachPlaceOfTheSameMistake)
{
    auto const problems = problems_of("tenants:\n  a: {clients: [bad], senders: ['@t.test']}\n  b: {clients: [bad], senders: ['@t.test']}\n");
    EXPECT_THAT(problems, ::testing::Contains(HasSubstr("test.yaml:2:17:")));
    EXPECT_THAT(problems, ::testing::Contains(HasSubstr("test.yaml:3:17:")));
}

TEST(Compile, EqualTenantsAreAWarningWhereAClaimCanTellThemApart)
{
    EXPECT_THAT(problems_of("tenants:\n  one: {clients: [10.0.0.1], senders: ['@t.test']}\n  two: {clients: [10.0.0.1], senders: ['@t.test']}\n"),
                ElementsAre("test.yaml:3:3: warning: tenants \"one\" (test.yaml:2:3) and \"two\" have equal evidence and senders; "
                            "only mail that claims its tenant will pass"));
}

TEST(Compile, SaysThatLimitsAreNotEnforcedYet)
{
    EXPECT_THAT(problems_of("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], limits: [{messages: 1, per: 1m}]}}"),
                ElementsAre(HasSubstr("warning: limits are read but not yet enforced by version ")));
}

TEST(Compile, WithinOneListTheLongestPrefixDecidesAndAtEqualLengthTheExclusion)
{
    auto const rules = compiled(R"(
networks: {inner: ["!10.1.2.0/24", 10.1.2.7], outside: [10.9.0.0/16]}
tenants:
  t: {clients: ["!$outside", 10.0.0.0/8, $inner, 10.5.0.0/16, "!10.5.0.0/16", "[2001:db8::]/32"], senders: ["@t.test"]}
)");
    auto const is_known = [&](std::string const& address) {
        return decided(rules, "client_address=" + address + " sender=a@t.test") == passed("t");
    };
    EXPECT_TRUE(is_known("10.2.3.4"));
    EXPECT_FALSE(is_known("10.1.2.3")) << "excluded by the longer prefix";
    EXPECT_TRUE(is_known("10.1.2.7")) << "included by a longer one still";
    EXPECT_FALSE(is_known("10.5.1.1")) << "at equal length the exclusion, whatever the order";
    EXPECT_FALSE(is_known("10.9.1.1")) << "!$name excludes what the list includes";
    EXPECT_TRUE(is_known("2001:db8::1"));
    EXPECT_FALSE(is_known("2001:db9::1"));
}

TEST(Compile, SharesTheTermsOfTenantsThatDifferOnlyInName)
{
    std::string yaml = "tenants:\n";
    for (int i = 0; i < 1000; ++i) yaml += "  t" + std::to_string(i) + ": {clients: [10.0.0.1], senders: ['@t.test']}\n";
    yaml += "  other: {clients: [10.0.0.1], senders: ['@t.test'], size: 1}\n";
    auto const rules = compiled(yaml);
    EXPECT_EQ(rules.tenants.size(), 1001u);
    EXPECT_EQ(rules.terms.size(), 2u);
    EXPECT_TRUE(rules.has_sizes);
}

}   // namespace
}   // namespace mailcore::rules::testing
