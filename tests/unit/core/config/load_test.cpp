#include "core/config/load.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/config/files.hpp"

namespace mailcore::config {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kShop = "tenants: {shop: {clients: [192.0.2.1], senders: [\"@shop.example\"]}}\n";

struct Loaded {
    Diagnostics problems;
    Settings settings;
    explicit Loaded(std::string const& text) : settings{load_text("t.yaml", text, problems)} {}
};

// The settings of a text without problems.
Settings good(std::string const& text)
{
    Loaded loaded{text};
    EXPECT_EQ(loaded.problems.text(), "");
    return loaded.settings;
}

std::vector<std::string> values(TextList const& list)
{
    std::vector<std::string> values;
    for (auto const& each : list) values.push_back(each.value);
    return values;
}
using Values = std::vector<std::string>;

TEST(Load, FillsInTheDefaultsOfTheContract)
{
    auto const settings = good(std::string{kShop});
    EXPECT_EQ(settings.policy.listen.value, "unix:/var/spool/postfix/mailcore/policy.sock");
    EXPECT_EQ(settings.policy.max_clients, 10'000u);
    EXPECT_EQ(settings.on_error, "defer");
    EXPECT_EQ(settings.unknown_tenant, "reject");
    EXPECT_EQ(values(settings.claims.tenant_headers), Values{"X-KeyBuzz-Tenant"});
    EXPECT_EQ(settings.outcomes.retention, Duration{24h * 90});
    auto const& shop = settings.tenants.at(0);
    EXPECT_EQ(shop.name.value, "shop");
    EXPECT_EQ(shop.null_sender, "allow");
    EXPECT_EQ(shop.mode, "enforce");
    EXPECT_EQ(shop.size, 0u);
    EXPECT_EQ(shop.ticket.sources, (Values{"header", "plus", "subject", "references"}));
    EXPECT_TRUE(shop.limits.empty());
}

TEST(Load, ReadsTheExampleOfTheContract)
{
    auto const settings = good(R"(
tenants:
  kbz_test:
    clients:      [$backend]
    logins:       []
    senders:      ["amazon@inbound.keybuzz.io", "@keybuzz.io", "@.keybuzz.io"]
    from:         enforce
    recipients:   {allow: [], deny: ["@blocked.example"]}
    ticket:       {required: false, pattern: "[A-Za-z0-9][A-Za-z0-9._:-]{0,79}", sources: [header, plus, subject, references],
                   subject: '\[#([^\]]+)\]', references: '<([^@.>]+)[.@]'}
    size:         25MiB
    limits:       [{messages: 100, per: 1m, burst: 50}, {recipients: 10000, per: 1d, action: reject}]
rules:
  - {name: no-executables-domain, when: {recipient: "@bad.example"}, action: reject, text: "not served here"}
)");
    auto const& tenant = settings.tenants.at(0);
    EXPECT_EQ(values(tenant.senders), (Values{"amazon@inbound.keybuzz.io", "@keybuzz.io", "@.keybuzz.io"}));
    EXPECT_EQ(tenant.ticket.subject.value, R"(\[#([^\]]+)\])");
    EXPECT_EQ(tenant.size, 25u << 20u);
    ASSERT_EQ(tenant.limits.size(), 2u);
    EXPECT_EQ(tenant.limits[0].messages, 100u);
    EXPECT_EQ(tenant.limits[0].per, Duration{1min});
    EXPECT_EQ(tenant.limits[0].burst, 50u);
    EXPECT_EQ(tenant.limits[0].action, "defer");
    EXPECT_EQ(tenant.limits[1].action, "reject");
    ASSERT_EQ(settings.rules.size(), 1u);
    EXPECT_EQ(values(settings.rules[0].when.recipient), Values{"@bad.example"});
    EXPECT_EQ(settings.rules[0].text.value, "not served here");
}

TEST(Load, KeepsThePlaceOfWhatIsCheckedLater)
{
    auto const settings = good("tenants:\n  shop:\n    clients: [192.0.2.1, $home]\n    senders: [\"@shop.example\"]\n"
                               "rules:\n  - name: a\n    action: hold\n    when: {port: 25}\n");
    EXPECT_EQ(settings.tenants[0].name.position.text(), "t.yaml:2:3");
    EXPECT_EQ(settings.tenants[0].clients[1].position.text(), "t.yaml:3:26");
    EXPECT_EQ(settings.rules[0].position.text(), "t.yaml:6:5");
    EXPECT_EQ(settings.rules[0].when.position.text(), "t.yaml:8:11");
    EXPECT_EQ(settings.rules[0].when.port[0].position.text(), "t.yaml:8:18");
    EXPECT_EQ(settings.policy.listen.position.line, 0);   // a default stands nowhere
}

TEST(Load, TakesAKeyWithoutValueForEmpty)
{
    auto const settings = good(std::string{kShop} + "networks:\nrules:\nlog:\nclaims: {tenant_headers: }\n");
    EXPECT_TRUE(settings.networks.empty());
    EXPECT_TRUE(settings.rules.empty());
    EXPECT_EQ(settings.log.level, "info");
    EXPECT_TRUE(settings.claims.tenant_headers.empty());
}

TEST(Load, AListGivenReplacesTheDefault)
{
    auto const settings = good(std::string{kShop} + "outcomes: {webhook: {retry: [2s]}, providers: {}}\n");
    EXPECT_EQ(settings.outcomes.webhook.retry, std::vector<Duration>{2s});
    EXPECT_TRUE(settings.outcomes.providers.empty());
}

TEST(Load, AConditionIsAValueOrAListOfThem)
{
    auto const settings = good(std::string{kShop} + "rules:\n  - {name: a, when: {helo: x, port: [25, 587], tls: false,"
                                                    " size_over: 1MiB, not: {tenant: shop}}, action: pass}\n");
    auto const& when = settings.rules[0].when;
    EXPECT_EQ(values(when.helo), Values{"x"});
    ASSERT_EQ(when.port.size(), 2u);
    EXPECT_EQ(when.port[1].value, 587u);
    EXPECT_EQ(when.tls, std::vector<bool>{false});
    EXPECT_EQ(when.size_over, std::vector<std::uint64_t>{1u << 20u});
    ASSERT_EQ(when.negated.size(), 1u);
    EXPECT_EQ(values(when.negated[0].tenant), Values{"shop"});
}

TEST(Load, TakesASocketModeWithoutQuotesAsWritten)
{
    EXPECT_EQ(good(std::string{kShop} + "socket_mode: 0600\n").socket_mode, "0600");
}

constexpr std::string_view kShopWithLimit = "tenants: {shop: {clients: [192.0.2.1], senders: [\"@shop.example\"], limits: [";

TEST(Load, ReadsTheWarmupOfALimit)
{
    auto const settings = good(std::string{kShopWithLimit} + "{messages: 10000, per: 1d, warmup: {from: 2026-11-01, start: 50/1d,"
                               " double_every: 1d, until: 10000/24h}}]}}\n");
    auto const& warmup = settings.tenants[0].limits[0].warmup;
    ASSERT_TRUE(warmup);
    EXPECT_EQ(warmup->from, base::parse_time("2026-11-01T00:00:00Z"));
    EXPECT_EQ(warmup->start, (WrittenRate{50, 24h, false}));
    EXPECT_EQ(warmup->double_every, Duration{24h});
    EXPECT_EQ(warmup->until, (WrittenRate{10'000, 24h, false}));
}

TEST(Load, AWarmupOfBytesIsWrittenInSizes)
{
    auto const settings = good(std::string{kShopWithLimit} + "{bytes: 1GiB, per: 1h, warmup: {from: 2026-11-01T08:00:00+01:00,"
                               " start: 10MiB/1h, double_every: 12h, until: 1073741824/60m}}]}}\n");
    auto const& warmup = settings.tenants[0].limits[0].warmup;
    EXPECT_EQ(warmup->from, base::parse_time("2026-11-01T07:00:00Z"));
    EXPECT_EQ(warmup->start, (WrittenRate{10u << 20u, 1h, true}));
    EXPECT_EQ(warmup->until, (WrittenRate{1u << 30u, 1h, false}));
}

TEST(Load, LimitsAreKeptInTheStateDirectoryUnlessTheFileSaysWhere)
{
    auto const places = [](std::string const& text) {
        auto const limits = good(std::string{kShop} + text).limits;
        return limits.store.value + " " + limits.fallback.value;
    };
    EXPECT_EQ(places(""), "lmdb:/var/lib/mailcore/limits lmdb:/var/lib/mailcore/limits-local");
    EXPECT_EQ(places("state_directory: /srv\n"), "lmdb:/srv/limits lmdb:/srv/limits-local");
    EXPECT_EQ(places("state_directory: /srv\nlimits: {store: \"redis://r:6379/0\"}\n"), "redis://r:6379/0 lmdb:/srv/limits-local");
    EXPECT_EQ(places("state_directory: /srv\nlimits: {fallback: lmdb:/tmp/f}\n"), "lmdb:/srv/limits lmdb:/tmp/f");
}

TEST(Load, RefusesAFallbackThatIsTheStoreItself)
{
    auto const complaint = [](std::string const& text) {
        Loaded const loaded{std::string{kShop} + text};
        EXPECT_EQ(loaded.problems.all().size(), 1u) << text;
        return loaded.problems.all().empty() ? "" : loaded.problems.all()[0].position.text();
    };
    EXPECT_EQ(complaint("limits: {store: lmdb:/a/x, fallback: lmdb:/a//x/}\n"), "t.yaml:2:38");
    EXPECT_EQ(complaint("limits: {store: lmdb:/var/lib/mailcore/limits-local}\n"), "t.yaml:2:17") << "the default is the fallback";
    EXPECT_EQ(complaint("state_directory: /srv/\nlimits: {fallback: lmdb:/srv/limits}\n"), "t.yaml:3:20") << "the default is the store";
}

TEST(Load, GivesWhatCouldBeReadBesideTheProblems)
{
    Loaded const loaded{
        "policy: {max_clients: many, listen: systemd}\ntenants: {shop: {clients: [192.0.2.1, []], sendrs: []}}\n"};
    EXPECT_EQ(loaded.problems.all().size(), 3u);
    EXPECT_EQ(loaded.settings.policy.listen.value, "systemd");
    EXPECT_EQ(loaded.settings.policy.max_clients, 10'000u);
    EXPECT_EQ(values(loaded.settings.tenants.at(0).clients), Values{"192.0.2.1"});
}

TEST(Load, IgnoresAByteOrderMark)
{
    auto const settings = good("\xEF\xBB\xBF" + std::string{kShop});
    EXPECT_EQ(settings.tenants.at(0).name.position.text(), "t.yaml:1:11");
}

TEST(Load, DoesNotFollowIncludesOfAText)
{
    Loaded const loaded{"include: [/etc/passwd, no/such/file]\n"};
    EXPECT_FALSE(loaded.problems.has_errors());
    EXPECT_EQ(loaded.settings.include.size(), 2u);
}

TEST(Load, SaysWhyAFileCannotBeRead)
{
    ScopedDirectory const directory;
    auto const words = [](std::string const& path) {
        Diagnostics problems;
        load(path, problems);
        return problems.text();
    };
    EXPECT_EQ(words("/no/such/mailcore.yaml"), "/no/such/mailcore.yaml: cannot read: No such file or directory\n");
    EXPECT_EQ(words(directory.path()), directory.path().string() + ": cannot read: it is a directory\n");
    auto const secret = directory.file("secret.yaml", std::string{kShop});
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    AsNobody const nobody;
    ASSERT_TRUE(nobody.worked());
    EXPECT_EQ(words(secret), secret + ": cannot read: Permission denied\n");
}

TEST(Load, ReadsATenantFileOfManyTenants)
{
    std::string text = "tenants:\n";
    for (int i = 0; i < 5000; ++i) {
        auto const name = "t" + std::to_string(i);
        text += "  " + name + ": {clients: [192.0.2.1], senders: [\"@" + name + ".example\"]}\n";
    }
    auto const settings = good(text);
    ASSERT_EQ(settings.tenants.size(), 5000u);
    EXPECT_EQ(settings.tenants[4999].senders[0].value, "@t4999.example");
}

}   // namespace
}   // namespace mailcore::config
