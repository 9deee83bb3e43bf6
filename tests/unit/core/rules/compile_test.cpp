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
        {"policy: {metrics: 'inet:[::1]:9461'}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:19: policy.metrics: metrics are served over IPv4 only; write inet:127.0.0.1:9461"},
        {"outcomes: {metrics: 'inet:[2001:db8::1]:9463'}\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}",
         "test.yaml:1:21: outcomes.metrics: metrics are served over IPv4 only; write inet:127.0.0.1:9463"},
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

// ---- limits

std::string with_limits(std::string const& limits) { return "tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], limits: [" + limits + "]}}"; }

TEST(Compile, NamesEachLimitForPeopleAndForItsBuckets)
{
    struct {
        char const* limit;
        char const* name;
        char const* id;
    } const cases[] = {
        {"{messages: 100, per: 1m}", "100 messages per 1m", "messages/1m"},
        {"{messages: 100, per: 60s, burst: 100}", "100 messages per 1m", "messages/1m"},
        {"{messages: 100, per: 1m, burst: 50}", "100 messages per 1m, 50 at once", "messages/1m"},
        {"{messages: 1, per: 90s, burst: 5}", "1 message per 90s, 5 at once", "messages/90s"},
        {"{recipients: 1, per: 1h, key: login}", "1 recipient per 1h, each login", "recipients/1h/login"},
        {"{messages: 5, per: 1h, burst: 2, key: sender}", "5 messages per 1h, 2 at once, each sender", "messages/1h/sender"},
        {"{recipients: 10000, per: 1w, key: client}", "10000 recipients per 7d, each client", "recipients/7d/client"},
        {"{bytes: 2GiB, per: 1h, burst: 100MiB}", "2GiB per 1h, 100MiB at once", "bytes/1h"},
        {"{bytes: 5MB, per: 1h, burst: 1025}", "5000000 bytes per 1h, 1025 bytes at once", "bytes/1h"},
        {"{messages: 100, per: 1d, warmup: {from: 2026-11-01, start: 5/1d, double_every: 1d, until: 100/1d}}",
         "100 messages per 1d, with warm-up", "messages/1d"},
    };
    for (auto const& c : cases) {
        auto const rules = compiled(with_limits(c.limit));
        auto const& limit = rules.limits_of(rules.tenants[0])[0];
        EXPECT_EQ(limit.name, c.name);
        EXPECT_EQ(limit.id, c.id);
        EXPECT_EQ(limit.reply, "Sending limit reached: " + limit.name + " (limit_exceeded)");
        EXPECT_EQ(limit.never_reply, "Message alone exceeds a sending limit: " + limit.name + " (limit_exceeded)");
    }
}

TEST(Compile, LimitsOfOneUnitTimeAndKeyHaveBucketsOfTheirOwn)
{
    auto const rules = compiled(with_limits("{messages: 9, per: 1m}, {messages: 5, per: 1m, key: sender}, {messages: 7, per: 60s}, {recipients: 9, per: 1m}, "
                                            "{messages: 3, per: 1m}"));
    std::vector<std::string> ids;
    for (auto const& limit : rules.limits_of(rules.tenants[0])) ids.push_back(limit.id);
    EXPECT_THAT(ids, ElementsAre("messages/1m", "messages/1m/sender", "messages/1m#2", "recipients/1m", "messages/1m#3"));
}

TEST(Compile, TakesALimitAsItIsWritten)
{
    auto const rules = compiled(with_limits("{recipients: 10000, per: 1d, burst: 500, action: reject, key: client, warmup: "
                                            "{from: 2026-11-01T08:00:00Z, start: 50/1d, double_every: 36h, until: 8000/1d}}"));
    auto const& limit = rules.limits_of(rules.tenants[0])[0];
    using namespace std::chrono_literals;
    EXPECT_EQ(limit.unit, LimitUnit::Recipients);
    EXPECT_EQ(limit.rate, (Rate{10'000, 24h, 500}));
    EXPECT_EQ(limit.action, mail::Action::Reject);
    EXPECT_EQ(limit.key, LimitKey::Client);
    ASSERT_TRUE(limit.warmup);
    EXPECT_EQ(limit.warmup->from, base::parse_time("2026-11-01T08:00:00Z"));
    EXPECT_EQ(limit.warmup->start, 50u);
    EXPECT_EQ(limit.warmup->double_every, 36h);
    EXPECT_EQ(limit.warmup->until, 8000u);
}

TEST(Compile, ABytesLimitNeedsTheBody)
{
    EXPECT_TRUE(compiled(with_limits("{messages: 1, per: 1m}, {bytes: 1MiB, per: 1m}")).has_sizes);
    auto const messages_only = compiled(with_limits("{messages: 1, per: 1m}"));
    EXPECT_FALSE(messages_only.has_sizes);
    EXPECT_TRUE(messages_only.has_limits);
}

TEST(Compile, SharesEqualLimitsAmongTenants)
{
    std::string yaml = "tenants:\n";
    for (int i = 0; i < 1000; ++i) {
        yaml += "  t" + std::to_string(i) + ": {clients: [10.0.0.1], senders: ['@t.test'], limits: [{messages: 100, per: " + (i % 2 ? "1m" : "60s") + "}]}\n";
    }
    yaml += "  more: {clients: [10.0.0.1], senders: ['@t.test'], limits: [{messages: 101, per: 1m}]}\n"
            "  later: {clients: [10.0.0.1], senders: ['@t.test'], limits: [{messages: 100, per: 1m, warmup: {from: 2026-11-01, start: 5/1m, double_every: 1d, until: 9/1m}}]}\n"
            "  earlier: {clients: [10.0.0.1], senders: ['@t.test'], limits: [{messages: 100, per: 1m, warmup: {from: 2026-10-01, start: 5/1m, double_every: 1d, until: 9/1m}}]}\n"
            "  none: {clients: [10.0.0.1], senders: ['@t.test']}\n";
    auto const rules = compiled(yaml);
    EXPECT_EQ(rules.limits.size(), 5u) << "none, that of the thousand, and three others";
    EXPECT_EQ(rules.terms.size(), 1u) << "limits are apart from terms";
    EXPECT_EQ(rules.limits_of(rules.tenants[0]).data(), rules.limits_of(rules.tenants[999]).data());
    EXPECT_TRUE(rules.limits_of(*rules.find_tenant("none")).empty());
}

TEST(Compile, RefusesRatesThatCannotBeCounted)
{
    struct {
        char const* limit;
        char const* complaint;
    } const cases[] = {
        {"{messages: 1, per: 1d, burst: 40000}", "test.yaml:1:97: burst: would take more than a century to be free again; at most 36500"},
        {"{messages: 1, per: 366d, burst: 100}", "test.yaml:1:99: burst: would take more than a century to be free again; at most 99"},
        {"{bytes: 2000000GB, per: 1d}", "test.yaml:1:75: bytes: more than can be counted; at most 1000000000000000"},
        {"{bytes: 1000000GB, per: 1d, burst: 1000001GB}", "test.yaml:1:102: burst: more than can be counted; at most 1000000000000000"},
    };
    for (auto const& c : cases) EXPECT_THAT(problems_of(with_limits(c.limit)), ElementsAre(c.complaint)) << c.limit;
    EXPECT_THAT(problems_of(with_limits("{messages: 1, per: 1d, burst: 36500}, {bytes: 1000000GB, per: 1ms}")), ::testing::IsEmpty());
}

TEST(Compile, TellsEachPlaceOfALimitThatCannotBe)
{
    auto const line = [](char const* name) {
        return "  " + std::string{name} + ": {clients: [10.0.0.1], senders: ['@" + name + ".test'], limits: [{messages: 1, per: 1d, burst: 99999}]}\n";
    };
    auto const problems = problems_of("tenants:\n" + line("a") + line("b"));
    EXPECT_THAT(problems, ElementsAre(HasSubstr("test.yaml:2:"), HasSubstr("test.yaml:3:")));
}

// What the reader has complained of comes here with holes in it.
TEST(Compile, SurvivesLimitsThatCouldNotBeRead)
{
    for (auto const* limit : {"{}", "{messages: x, per: y}", "{messages: 1}", "{per: 1d, burst: 5}", "{messages: 1, per: 1d, burst: 5, warmup: {}}",
                              "{messages: 1, per: 1d, warmup: {from: x, start: 0/0, double_every: 0, until: 9/1d}}", "{messages: 1, recipients: 2, bytes: 3, per: 1d}"}) {
        EXPECT_THAT(problems_of(with_limits(limit)), ::testing::Not(::testing::IsEmpty())) << limit;
    }
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
