// Contract, "Limits": what a message costs, where it is counted, and what a sender over a limit is told.

#include "core/rules/limit.hpp"

#include <gmock/gmock.h>

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

using namespace std::chrono_literals;
using mail::Action;
using mail::Reason;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

Ruleset with_limits(std::string const& limits, std::string const& more = "")
{
    return compiled("tenants: {shop: {clients: [10.0.0.0/24], logins: [joe], senders: ['@shop.test'], limits: [" + limits + "]" + more + "}}");
}

// Buckets in memory, taken as a store does: all or none.
struct Shop {
    explicit Shop(std::string const& limits, std::string const& more = "") : rules{with_limits(limits, more)} {}

    Tenant const& tenant() const { return rules.tenants[0]; }
    Limit const& limit(std::size_t which = 0) const { return rules.limits_of(tenant())[which]; }
    std::vector<Charge> charges(mail::Request const& request, base::Time now = kNow) const { return charges_for(rules, tenant(), request, now); }

    BucketsAt read(std::vector<Charge> const& charges, base::Time now) const
    {
        BucketsAt read{now, {}};
        for (auto const& charge : charges) {
            auto const known = buckets.find(charge.key);
            read.buckets.push_back({charge.key, known == buckets.end() ? Bucket{} : known->second});
        }
        return read;
    }
    mail::Verdict send(mail::Request const& request, base::Time now = kNow, bool observed = false, mail::Verdict verdict = {})
    {
        auto const asked = charges(request, now);
        auto const answer = peek(asked, read(asked, now));
        auto const limited_verdict = limited(verdict, asked, answer, observed, now);
        bool const all_pass = std::all_of(answer.outcomes.begin(), answer.outcomes.end(), [](auto const& each) { return each.passes(); });
        for (auto const& charge : asked) {
            if (all_pass) take(buckets[charge.key], charge.rate, charge.cost, now);
        }
        return limited_verdict;
    }
    std::string reply(mail::Request const& request, base::Time now = kNow) { return mail::to_string(send(request, now).reply); }

    Ruleset rules;
    std::map<std::string, Bucket> buckets;
};

// Of the shop, with all that a verdict may carry.
mail::Verdict verdict_of(Action action, Reason reason, Action would = Action::Pass)
{
    mail::Verdict verdict;
    verdict.action = action;
    verdict.reason = reason;
    verdict.would = would;
    verdict.tenant = "shop";
    verdict.ticket = "t1";
    verdict.rule = "r";
    return verdict;
}

mail::Request plain() { return request("client_address=10.0.0.5 sender=a@shop.test recipient=x@y.test"); }

// ---- what a message costs

TEST(Charges, AreOneForEachLimitInTheOrderOfTheConfiguration)
{
    Shop const shop{"{messages: 100, per: 1m}, {recipients: 10, per: 1h}, {bytes: 1MiB, per: 1d}, {messages: 5, per: 1h, key: sender}"};
    auto asked = plain();
    asked.size = 4711;
    std::vector<std::string> shown;
    for (auto const& charge : shop.charges(asked)) shown.push_back(charge.key + " = " + std::to_string(charge.cost));
    EXPECT_THAT(shown, ElementsAre("shop messages/1m = 1", "shop recipients/1h = 1", "shop bytes/1d = 4711", "shop messages/1h/sender a@shop.test = 1"));
}

TEST(Charges, RecipientsAreWhatIsKnownOfThemAndAtLeastOne)
{
    Shop const shop{"{recipients: 10, per: 1h}"};
    auto asked = request("client_address=10.0.0.5 sender=a@shop.test");
    EXPECT_EQ(shop.charges(asked)[0].cost, 1u) << "none known yet: it will have one";
    asked.recipient_count = 7;
    EXPECT_EQ(shop.charges(asked)[0].cost, 7u) << "the policy daemon at DATA is told how many";
    for (int i = 0; i < 9; ++i) asked.recipients.add().set("x@y.test");
    EXPECT_EQ(shop.charges(asked)[0].cost, 9u) << "the milter has each";
}

TEST(Charges, ATenantWithoutLimitsHasNone)
{
    auto const rules = compiled("tenants: {a: {clients: [10.0.0.1], senders: ['@a.test']}}");
    EXPECT_FALSE(rules.has_limits);
    EXPECT_TRUE(charges_for(rules, rules.tenants[0], plain(), kNow).empty());
}

// ---- where it is counted

std::string key_with(char const* key, mail::Request const& asked)
{
    return Shop{"{messages: 5, per: 1h, key: " + std::string{key} + "}"}.charges(asked)[0].key;
}

TEST(BucketKey, NamesWhatIsCountedApart)
{
    struct {
        char const* key;
        char const* words;
        char const* expected;
        char const* note;
    } const cases[] = {
        {"tenant", "client_address=10.0.0.5 sender=a@shop.test", "shop messages/1h", "the tenant as a whole"},
        {"client", "client_address=10.0.0.5 sender=a@shop.test", "shop messages/1h/client 10.0.0.5", ""},
        {"client", "client_address=::ffff:10.0.0.5 sender=a@shop.test", "shop messages/1h/client 10.0.0.5", "one spelling"},
        {"client", "client_address=2001:DB8:0::1 sender=a@shop.test", "shop messages/1h/client 2001:db8::1", "one spelling"},
        {"client", "client_address=unknown sender=a@shop.test", "shop messages/1h/client [unknown]", "no Internet address"},
        {"login", "client_address=10.0.0.5 sasl_username=Joe sender=a@shop.test", "shop messages/1h/login Joe", "logins have case"},
        {"login", "client_address=10.0.0.5 sender=a@shop.test", "shop messages/1h/login [10.0.0.5]", "absent: the client address"},
        {"sender", "client_address=10.0.0.5 sender=A@Shop.TEST", "shop messages/1h/sender a@shop.test", "without case"},
        {"sender", "client_address=10.0.0.5 sender=a+4711+x@shop.test", "shop messages/1h/sender a@shop.test", "without its extension"},
        {"sender", "client_address=10.0.0.5 sender=", "shop messages/1h/sender <>", "the null sender"},
        {"sender", "client_address=10.0.0.5 sender=postmaster", "shop messages/1h/sender postmaster", "without domain"},
        {"sender", "client_address=10.0.0.5", "shop messages/1h/sender [10.0.0.5]", "not known yet"},
    };
    for (auto const& c : cases) EXPECT_EQ(key_with(c.key, request(c.words)), c.expected) << c.words << ": " << c.note;
}

TEST(BucketKey, IsOfBoundedLengthPrintableAndUtf8)
{
    auto const key_of_login = [](std::string const& login) {
        auto asked = plain();
        asked.login = login;
        return key_with("login", asked).substr(std::string_view{"shop messages/1h/login "}.size());
    };
    EXPECT_EQ(key_of_login(std::string(300, 'x')), std::string(256, 'x'));
    EXPECT_EQ(key_of_login("a b\tc\nd\x7F" + std::string(1, '\0')), "a b?c?d??");
    EXPECT_EQ(key_of_login("m\xC3\xBCller"), "m\xC3\xBCller");
    EXPECT_EQ(key_of_login("m\xFCller"), "m?ller") << "Latin-1";
    EXPECT_EQ(key_of_login(std::string(255, 'x') + "\xC3\xBC"), std::string(255, 'x')) << "not cut within a character";
}

TEST(BucketKey, BeginsWithTheTenantsPrefixWhichIsNobodyElses)
{
    EXPECT_EQ(bucket_prefix("shop"), "shop ");
    EXPECT_FALSE(std::string{"shop2 messages/1h"}.starts_with(bucket_prefix("shop")));
}

// ---- warm-up

std::vector<std::uint64_t> numbers_at(Limit const& limit, std::vector<char const*> const& times)
{
    std::vector<std::uint64_t> numbers;
    for (auto const* time : times) numbers.push_back(limit.rate_at(*base::parse_time(time)).number);
    return numbers;
}

TEST(Warmup, DoublesStepByStepFromItsBeginning)
{
    Shop const shop{"{messages: 10000, per: 1d, warmup: {from: 2026-11-01, start: 50/1d, double_every: 1d, until: 10000/1d}}"};
    EXPECT_THAT(numbers_at(shop.limit(), {"2026-10-01", "2026-11-01T00:00:00Z", "2026-11-01T23:59:59Z", "2026-11-02", "2026-11-03", "2026-11-08",
                                          "2026-11-09", "2026-11-30", "2099-01-01"}),
                ElementsAre(50, 50, 50, 100, 200, 6400, 10000, 10000, 10000));
}

// Of a sender that tries every ten seconds.
std::vector<int> passed_in_days(std::string const& burst)
{
    Shop shop{"{messages: 10000, per: 1d, " + burst + "warmup: {from: 2026-11-01, start: 50/1d, double_every: 1d, until: 10000/1d}}"};
    std::vector<int> passed(4);
    auto const asked = plain();
    auto const from = *base::parse_time("2026-11-01");
    for (auto time = from; time < from + 24h * 4; time += 10s) {
        auto const day = static_cast<std::size_t>((time - from) / 24h);
        while (shop.send(asked, time).action == Action::Pass) ++passed[day];
    }
    return passed;
}

TEST(Warmup, WithASmallBurstADayLetsPassAboutTheNumberOfThatDay)
{
    EXPECT_THAT(passed_in_days("burst: 1, "), ElementsAre(AllOf(Ge(48), Le(51)), AllOf(Ge(95), Le(101)), AllOf(Ge(190), Le(201)), AllOf(Ge(380), Le(401))));
    EXPECT_THAT(passed_in_days("burst: 10, "), ElementsAre(AllOf(Ge(55), Le(60)), AllOf(Ge(90), Le(110)), AllOf(Ge(190), Le(210)), AllOf(Ge(380), Le(410))));
}

TEST(Warmup, WithoutABurstTheFirstDayLetsPassTwiceItsNumber)
{
    EXPECT_THAT(passed_in_days("").at(0), AllOf(Ge(98), Le(100)));
}

TEST(Warmup, EndsAtTheSmallerOfItsEndAndTheLimit)
{
    Shop const below{"{messages: 10000, per: 1d, warmup: {from: 2026-11-01, start: 50/1d, double_every: 1h, until: 300/1d}}"};
    EXPECT_THAT(numbers_at(below.limit(), {"2026-11-01T02:00:00Z", "2026-11-01T03:00:00Z", "2027-01-01"}), ElementsAre(200, 300, 300));
    Shop const above{"{messages: 120, per: 1d, warmup: {from: 2026-11-01, start: 50/1d, double_every: 1h, until: 300/1d}}"};
    EXPECT_THAT(numbers_at(above.limit(), {"2026-11-01T01:00:00Z", "2026-11-01T02:00:00Z"}), ElementsAre(100, 120));
}

TEST(Warmup, TheBurstIsAtMostTheNumberOfTheTime)
{
    Shop const shop{"{messages: 1000, per: 1d, burst: 300, warmup: {from: 2026-11-01, start: 200/1d, double_every: 1d, until: 1000/1d}}"};
    auto const burst_at = [&](char const* time) { return shop.limit().rate_at(*base::parse_time(time)).burst; };
    EXPECT_EQ(burst_at("2026-11-01"), 200u);
    EXPECT_EQ(burst_at("2026-11-02"), 300u);
    Shop const large{"{messages: 1000, per: 1d, burst: 5000, warmup: {from: 2026-11-01, start: 500/1d, double_every: 1d, until: 1000/1d}}"};
    EXPECT_EQ(large.limit().rate_at(*base::parse_time("2026-11-01")).burst, 500u);
    EXPECT_EQ(large.limit().rate_at(*base::parse_time("2026-11-02")), (Rate{1000, 24h, 5000})) << "warmed up";
}

TEST(Warmup, DoesNotOverflowHoweverLongItIsAgo)
{
    Warmup const warmup{kNow, 3, 1us, kMaxNumber};
    EXPECT_EQ(warmup.number_at(kNow + 48us), 3ull << 48u);
    for (auto const later : {49us, 62us, 63us, 64us, 65us, 1'000'000'000'000us}) EXPECT_EQ(warmup.number_at(kNow + later), kMaxNumber) << later.count();
    EXPECT_EQ(warmup.number_at(base::Time{}), 3u);
}

// ---- what the sender is told

TEST(Limited, APassingMessageKeepsItsVerdict)
{
    Shop shop{"{messages: 2, per: 1m}"};
    auto const verdict = verdict_of(Action::Hold, Reason::Rule);
    EXPECT_EQ(shop.send(plain(), kNow, false, verdict), verdict);
}

TEST(Limited, TheRefusalNamesTheLimitAndTheTimeToComeAgain)
{
    Shop shop{"{messages: 2, per: 1m}"};
    shop.send(plain());
    shop.send(plain());
    EXPECT_EQ(shop.reply(plain()), "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 30 s (limit_exceeded)");
    EXPECT_EQ(shop.reply(plain(), kNow + 500ms), "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 30 s (limit_exceeded)")
        << "rounded up";
    EXPECT_EQ(shop.reply(plain(), kNow + 30s - 1us), "450 4.7.1 Sending limit reached: 2 messages per 1m; try again in 1 s (limit_exceeded)");
    EXPECT_EQ(shop.reply(plain(), kNow + 30s), "");
}

TEST(Limited, WithActionRejectNobodyIsAskedToComeAgain)
{
    Shop shop{"{messages: 1, per: 1d, action: reject}"};
    shop.send(plain());
    EXPECT_EQ(shop.reply(plain()), "554 5.7.1 Sending limit reached: 1 message per 1d (limit_exceeded)");
}

TEST(Limited, WhatCanNeverPassIsRefusedForGood)
{
    Shop shop{"{recipients: 100, per: 1m, burst: 50}"};
    auto asked = plain();
    asked.recipient_count = 51;
    EXPECT_EQ(shop.reply(asked),
              "554 5.7.1 Message alone exceeds a sending limit: 100 recipients per 1m, 50 at once (limit_exceeded)");
    asked.recipient_count = 50;
    EXPECT_EQ(shop.reply(asked), "");
}

TEST(Limited, WhatIsTooLargeForAWarmupOnlyComesAgainWhenItHasGrown)
{
    Shop shop{"{recipients: 1000, per: 1d, burst: 500, warmup: {from: 2026-11-01, start: 50/1d, double_every: 1d, until: 1000/1d}}"};
    auto const noon = *base::parse_time("2026-11-01T12:00:00Z");
    auto asked = plain();
    asked.recipient_count = 150;   // 200 at the third day
    EXPECT_EQ(shop.reply(asked, noon), "450 4.7.1 Sending limit reached: 1000 recipients per 1d, 500 at once, with warm-up; try again in "
                                       "129600 s (limit_exceeded)");
    EXPECT_EQ(shop.reply(asked, noon + 129'600s), "");
    asked.recipient_count = 501;
    EXPECT_EQ(shop.reply(asked, noon), "554 5.7.1 Message alone exceeds a sending limit: 1000 recipients per 1d, 500 at once, with warm-up "
                                       "(limit_exceeded)");
}

TEST(Limited, OfSeveralTheOneThatWeighsMostIsTold)
{
    struct {
        char const* limits;
        char const* told;
        char const* note;
    } const cases[] = {
        {"{messages: 1, per: 1m}, {messages: 1, per: 1h}", "1 message per 1h", "the one that is free last"},
        {"{messages: 1, per: 1h}, {messages: 1, per: 1m}", "1 message per 1h", "whatever the order"},
        {"{messages: 1, per: 1h}, {messages: 1, per: 1m, action: reject}", "1 message per 1m", "one that rejects"},
        {"{messages: 1, per: 1m, action: reject}, {recipients: 1, per: 1s}", "1 recipient per 1s", "one that can never pass"},
        {"{messages: 1, per: 1m}, {messages: 1, per: 1m}", "1 message per 1m", "the first of equals"},
        {"{messages: 5, per: 1m}, {messages: 1, per: 1h}, {messages: 5, per: 1d}", "1 message per 1h", "the only one"},
    };
    for (auto const& c : cases) {
        Shop shop{c.limits};
        shop.send(plain());
        auto asked = plain();
        asked.recipient_count = 2;
        auto const verdict = shop.send(asked);
        EXPECT_EQ(verdict.limit, c.told) << c.limits << ": " << c.note;
        EXPECT_EQ(verdict.reason, Reason::LimitExceeded) << c.limits;
    }
}

TEST(Limited, ARefusalKeepsTenantAndTicketAndForgetsTheRule)
{
    Shop shop{"{messages: 1, per: 1m}"};
    shop.send(plain());
    auto const verdict = shop.send(plain(), kNow, false, verdict_of(Action::Pass, Reason::Ok));
    EXPECT_EQ(verdict.action, Action::Defer);
    EXPECT_EQ(verdict.tenant, "shop");
    EXPECT_EQ(verdict.ticket, "t1");
    EXPECT_EQ(verdict.rule, "") << "no rule decided this";
}

TEST(Limited, WhatWouldBeHeldIsRefusedAtOnce)
{
    Shop shop{"{messages: 1, per: 1m}"};
    shop.send(plain());
    auto const verdict = shop.send(plain(), kNow, false, verdict_of(Action::Hold, Reason::Rule));
    EXPECT_EQ(verdict.action, Action::Defer);
    EXPECT_EQ(verdict.reason, Reason::LimitExceeded);
}

TEST(Limited, AnObservedTenantPassesAndTheVerdictSaysWhatItWouldHaveBeen)
{
    Shop shop{"{messages: 1, per: 1m, action: reject}"};
    shop.send(plain());
    auto const verdict = shop.send(plain(), kNow, true, verdict_of(Action::Pass, Reason::Ok));
    EXPECT_EQ(verdict.action, Action::Pass);
    EXPECT_EQ(verdict.would, Action::Reject);
    EXPECT_EQ(verdict.reason, Reason::LimitExceeded);
    EXPECT_EQ(verdict.limit, "1 message per 1m");
    EXPECT_EQ(verdict.reply, mail::SmtpReply{});
    EXPECT_EQ(verdict.ticket, "t1");
}

TEST(Limited, AnObservedTenantsFirstRefusalStaysTheOneToTell)
{
    Shop shop{"{messages: 1, per: 1m}"};
    shop.send(plain());
    auto const first = verdict_of(Action::Pass, Reason::RecipientNotAllowed, Action::Reject);
    EXPECT_EQ(shop.send(plain(), kNow, true, first), first) << "it would have cost nothing";
    auto const held = verdict_of(Action::Pass, Reason::Rule, Action::Hold);
    EXPECT_EQ(shop.send(plain(), kNow, true, held).reason, Reason::LimitExceeded) << "what is held counts";
}

TEST(Limited, FromObservedDoesNotSaveAnEnforcedTenant)
{
    Shop shop{"{messages: 1, per: 1m}"};
    shop.send(plain());
    auto const verdict = shop.send(plain(), kNow, false, verdict_of(Action::Pass, Reason::FromNotAllowed, Action::Reject));
    EXPECT_EQ(verdict.action, Action::Defer);
    EXPECT_EQ(verdict.would, Action::Pass);
    EXPECT_EQ(verdict.reason, Reason::LimitExceeded);
}

TEST(Limited, BytesThatAreNotKnownYetPassAFullBucket)
{
    Shop shop{"{bytes: 1MiB, per: 1h}"};
    auto asked = plain();
    asked.size = 1u << 20u;
    EXPECT_EQ(shop.reply(asked), "");
    asked.size = 1;
    EXPECT_EQ(shop.reply(asked), "450 4.7.1 Sending limit reached: 1MiB per 1h; try again in 1 s (limit_exceeded)");
    asked.size = 0;
    EXPECT_EQ(shop.reply(asked), "");
}

// ---- explain

TEST(TraceLimits, TellsLevelAndAnswerOfEach)
{
    Shop shop{"{messages: 2, per: 1m}, {recipients: 10, per: 1h, burst: 5}"};
    auto asked = plain();
    asked.recipient_count = 3;
    auto const told = [&](base::Time now) {
        Trace trace;
        auto const charges = shop.charges(asked, now);
        trace_limits(trace, charges, shop.read(charges, now));
        std::vector<std::string> lines;
        for (auto const& [step, text] : trace.steps) lines.push_back(step + ": " + text);
        return lines;
    };
    auto const noon = *base::parse_time("2026-11-21T12:00:00Z");
    EXPECT_THAT(told(noon), ElementsAre("limit: 2 messages per 1m: 0 used, 2 left; this message counts 1",
                                        "limit: 10 recipients per 1h, 5 at once: 0 used, 5 left; this message counts 3"));
    shop.send(asked, noon);
    EXPECT_THAT(told(noon), ElementsAre("limit: 2 messages per 1m: 1 used, 1 left; this message counts 1",
                                        "limit: 10 recipients per 1h, 5 at once: 3 used, 2 left; this message counts 3 and would pass at 2026-11-21T12:06:00Z"));
    asked.recipient_count = 2;
    shop.send(asked, noon);
    asked.recipient_count = 6;
    EXPECT_THAT(told(noon + 1ms),
                ElementsAre("limit: 2 messages per 1m: 2 used, 0 left, next free at 2026-11-21T12:00:30Z; this message counts 1 and would pass at "
                            "2026-11-21T12:00:30Z",
                            "limit: 10 recipients per 1h, 5 at once: 5 used, 0 left, next free at 2026-11-21T12:06:00Z; this message counts 6 "
                            "and can never pass"));
}

}   // namespace
}   // namespace mailcore::rules::testing
