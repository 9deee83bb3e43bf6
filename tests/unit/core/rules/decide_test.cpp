// Contract: "How a tenant is found, and what is refused".

#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

using mail::Reason;

constexpr std::string_view kShops = R"(
networks: {backend: [10.0.0.0/24, "!10.0.0.66"]}
tenants:
  shop:
    clients: [$backend]
    logins: [shop-login]
    senders: ["orders@shop.test", "@mail.shop.test", "@.shop.test"]
  press:
    clients: [192.0.2.1]
    certificates: ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    senders: ["@press.test"]
    null_sender: reject
)";

// ---- step 1: evidence

TEST(Decide, AClientThatNoTenantListsIsRefused)
{
    auto const rules = compiled(kShops);
    EXPECT_EQ(decided(rules, "client_address=203.0.113.7 sender=orders@shop.test"), refused(Reason::ClientNotAllowed));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.66 sender=orders@shop.test"), refused(Reason::ClientNotAllowed));
    EXPECT_EQ(decided(rules, "client_address=unknown sender=orders@shop.test"), refused(Reason::ClientNotAllowed));
}

TEST(Decide, AMappedAddressIsTheIpv4AddressInIt)
{
    EXPECT_EQ(decided(compiled(kShops), "client_address=::ffff:10.0.0.5 sender=orders@shop.test"), passed("shop"));
}

TEST(Decide, ALoginCountsBeforeTheNetworkAndDoesNotInheritIt)
{
    auto const rules = compiled(kShops);
    EXPECT_EQ(decided(rules, "client_address=203.0.113.7 sasl_username=shop-login sender=orders@shop.test"), passed("shop"));
    EXPECT_EQ(decided(rules, "client_address=192.0.2.1 sasl_username=shop-login sender=a@press.test"), refused(Reason::SenderNotAllowed));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.5 sasl_username=nobody sender=orders@shop.test"), refused(Reason::LoginUnknown));
}

TEST(Decide, ACertificateCountsBeforeTheNetwork)
{
    auto const rules = compiled(kShops);
    std::string const a(64, 'A');
    std::string const b(64, 'b');
    EXPECT_EQ(decided(rules, "client_address=203.0.113.7 ccert_pubkey_fingerprint=" + a + " sender=a@press.test"), passed("press"));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.5 ccert_pubkey_fingerprint=" + b + " sender=orders@shop.test"),
              refused(Reason::CertificateUnknown));
}

TEST(Decide, BeforeMailOnlyTheClientIsAskedAndOnlyWhereNoLoginMayFollow)
{
    auto const networks_only = compiled("tenants: {shop: {clients: [10.0.0.1], senders: ['@shop.test']}}");
    for (auto const* state : {"CONNECT", "EHLO", "HELO", "VRFY", "ETRN"}) {
        auto const words = std::string{"protocol_state="} + state + " client_address=";
        EXPECT_EQ(decided(networks_only, words + "203.0.113.7"), refused(Reason::ClientNotAllowed)) << state;
        EXPECT_EQ(decided(networks_only, words + "10.0.0.1"), passed()) << state;
        EXPECT_EQ(decided(compiled(kShops), words + "203.0.113.7"), passed()) << state;
    }
}

TEST(Decide, ACertificateThatMayStillComeLeavesTheDecisionToTheEnd)
{
    auto const rules = compiled(kShops);
    auto asked = request("client_address=203.0.113.7 sender=a@press.test recipient=x@y.test");
    asked.daemon = mail::Daemon::Milter;
    asked.certificate.state = mail::Certificate::State::Unknown;
    EXPECT_EQ(shown(decide(rules, asked)), passed());
}

// ---- step 2: the sender

TEST(Decide, OnlyTheTenantsOwnSendersPass)
{
    auto const rules = compiled(kShops);
    struct {
        char const* sender;
        bool passes;
        char const* note;
    } const cases[] = {
        {"orders@shop.test", true, "the address itself"},
        {"ORDERS@Shop.TEST", true, "case does not matter, in neither part"},
        {"orders+4711@shop.test", true, "with an extension"},
        {"order@shop.test", false, "another local part"},
        {"a@mail.shop.test", true, "the domain"},
        {"a@mail.shop.test.", true, "with the root's dot"},
        {"a@deep.mail.shop.test", true, "a subdomain of @.shop.test"},
        {"a@shop.test", false, "@.shop.test does not hold shop.test"},
        {"a@myshop.test", false, "a suffix that is no subdomain"},
        {"a@shop.test.evil.test", false, "a prefix"},
        {"orders", false, "no domain"},
        {"orders@", false, "an empty domain"},
        {"orders@shop.test@evil.test", false, "the last @ splits"},
        {"orders@evil.test@shop.test", false, "the local part is another one"},
    };
    for (auto const& c : cases) {
        auto const expected = c.passes ? passed("shop") : refused(Reason::SenderNotAllowed);
        EXPECT_EQ(decided(rules, std::string{"client_address=10.0.0.5 sender="} + c.sender), expected) << c.sender << ": " << c.note;
    }
}

TEST(Decide, TheNullSenderPassesWhereTheTenantAllowsIt)
{
    auto const rules = compiled(kShops);
    EXPECT_EQ(decided(rules, "client_address=10.0.0.5 sender="), passed("shop"));
    EXPECT_EQ(decided(rules, "client_address=192.0.2.1 sender="), refused(Reason::SenderNotAllowed));
}

// ---- steps 3 and 4: claims, several tenants

constexpr std::string_view kTwins = R"(
tenants:
  one: {clients: [10.0.0.1], senders: ["@shared.test", "@one.test"], recipients: {deny: ["@a.test"]}}
  two: {clients: [10.0.0.1], senders: ["@shared.test", "@two.test"], recipients: {deny: ["@b.test"]}}
  far: {clients: [10.9.9.9], senders: ["@shared.test"]}
)";

TEST(Decide, TheClaimSelectsAmongTheTenantsThatAreAllowed)
{
    auto const rules = compiled(kTwins);
    auto const words = "client_address=10.0.0.1 sender=a@shared.test";
    auto const from = std::string{"From: a@shared.test\n"};
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: one"), passed("one"));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: two"), passed("two"));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: far"), refused(Reason::TenantClaimRefused));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: none-such"), refused(Reason::TenantClaimRefused));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: ONE"), refused(Reason::TenantClaimRefused));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: one\nX-KeyBuzz-Tenant: two"), refused(Reason::TenantClaimRefused));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant: one\nX-KeyBuzz-Tenant: one"), passed("one"));
    EXPECT_EQ(decided_at_end(rules, words, from + "X-KeyBuzz-Tenant:"), refused(Reason::TenantAmbiguous)) << "an empty claim is none";
}

TEST(Decide, WithoutAClaimTheMilterRefusesWhatSeveralMaySend)
{
    auto const rules = compiled(kTwins);
    EXPECT_EQ(decided_at_end(rules, "client_address=10.0.0.1 sender=a@shared.test", "From: a@shared.test"), refused(Reason::TenantAmbiguous));
    EXPECT_EQ(decided_at_end(rules, "client_address=10.0.0.1 sender=a@one.test", "From: a@one.test"), passed("one"));
}

TEST(Decide, BeforeTheEndWhatOneOfSeveralMaySendPasses)
{
    auto const rules = compiled(kTwins);
    auto const words = std::string{"client_address=10.0.0.1 sender=a@shared.test recipient="};
    EXPECT_EQ(decided(rules, words + "x@a.test"), passed());
    EXPECT_EQ(decided(rules, words + "x@b.test"), passed());
}

TEST(Decide, OfSeveralRefusalsTheOneThatGotFurthestIsTold)
{
    auto const rules = compiled(R"(
tenants:
  gone:  {clients: [10.0.0.1], senders: ["@s.test"], mode: suspended}
  small: {clients: [10.0.0.1], senders: ["@s.test"], size: 10}
)");
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@s.test size=11"), refused(Reason::SizeExceeded));
}

TEST(Decide, ANullSenderWithoutClaimIsToldByItsHeaderFrom)
{
    auto const rules = compiled(kTwins);
    auto const words = "client_address=10.0.0.1 sender=";
    EXPECT_EQ(decided_at_end(rules, words, "From: mailer@two.test"), passed("two"));
    EXPECT_EQ(decided_at_end(rules, words, "From: mailer@shared.test"), refused(Reason::TenantAmbiguous));
    EXPECT_EQ(decided_at_end(rules, words, "From: mailer@elsewhere.test"), refused(Reason::TenantAmbiguous));
    EXPECT_EQ(decided_at_end(rules, words, "From: mailer@two.test\nX-KeyBuzz-Tenant: one"), refused(Reason::FromNotAllowed, "one"))
        << "a claim goes before the header From";
}

// ---- step 5: what the tenant may do

TEST(Decide, AnAgreementIsCheckedInTheContractsOrder)
{
    auto const rules = compiled(R"(
tenants:
  t:
    clients: [10.0.0.1]
    senders: ["@t.test"]
    recipients: {deny: ["@no.test"]}
    size: 100
    ticket: {required: true}
rules:
  - {name: last, when: {helo: bad.test}, action: reject}
)");
    auto const words = std::string{"client_address=10.0.0.1 sender=a@t.test helo_name=bad.test size="};
    EXPECT_EQ(decided_at_end(rules, words + "101 recipient=x@no.test", "From: b@else.test"), refused(Reason::RecipientNotAllowed, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "101 recipient=x@y.test", "From: b@else.test"), refused(Reason::SizeExceeded, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "100 recipient=x@y.test", "From: b@else.test"), refused(Reason::FromNotAllowed, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "100 recipient=x@y.test", "Subject: no from"), refused(Reason::FromMalformed, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "100 recipient=x@y.test", "From: b@t.test"), refused(Reason::TicketMissing, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "100 recipient=x@y.test", "From: b@t.test\nX-KeyBuzz-Ticket: a b"), refused(Reason::TicketMalformed, "t"));
    EXPECT_EQ(decided_at_end(rules, words + "100 recipient=x@y.test", "From: b@t.test\nX-KeyBuzz-Ticket: 1"), refused(Reason::Rule, "t", "last"));
}

TEST(Decide, RecipientsAreAllowedAndDeniedByPattern)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], recipients: "
                                "{allow: ['@ok.test', '@.ok.test'], deny: ['boss@ok.test']}}}");
    auto const words = std::string{"client_address=10.0.0.1 sender=a@t.test recipient="};
    EXPECT_EQ(decided(rules, words + "x@ok.test"), passed("t"));
    EXPECT_EQ(decided(rules, words + "x@sub.OK.test"), passed("t"));
    EXPECT_EQ(decided(rules, words + "x@ok.test."), passed("t"));
    EXPECT_EQ(decided(rules, words + "boss@ok.test"), refused(Reason::RecipientNotAllowed, "t"));
    EXPECT_EQ(decided(rules, words + "boss+x@ok.test"), refused(Reason::RecipientNotAllowed, "t")) << "deny lists hold extensions, too";
    EXPECT_EQ(decided(rules, words + "x@else.test"), refused(Reason::RecipientNotAllowed, "t"));
}

TEST(Decide, ThePolicyDaemonRefusesRecipientsThatPostfixWouldRewrite)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], recipients: {deny: ['@no.test']}}}");
    for (auto const* recipient : {"x%no.test", "no.test!x", "x%no.test@[127.0.0.1]", "x@no.test@y.test", "x@[127.0.0.1]", "x%no.test@y.test"}) {
        EXPECT_EQ(decided(rules, std::string{"client_address=10.0.0.1 sender=a@t.test recipient="} + recipient),
                  refused(Reason::RecipientNotAllowed, "t")) << recipient;
    }
    auto as_milter = request("client_address=10.0.0.1 sender=a@t.test recipient=x%y@z.test");
    as_milter.daemon = mail::Daemon::Milter;
    EXPECT_EQ(shown(decide(rules, as_milter)), passed("t")) << "the milter sees the rewritten form";

    auto const without_rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}");
    EXPECT_EQ(decided(without_rules, "client_address=10.0.0.1 sender=a@t.test recipient=x%no.test"), passed("t"));
}

TEST(Decide, FromMayBeObservedOrLeftAlone)
{
    auto const yaml = [](char const* from) {
        return std::string{"tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], from: "} + from + "}}";
    };
    auto const words = "client_address=10.0.0.1 sender=a@t.test";
    EXPECT_EQ(decided_at_end(compiled(yaml("observe")), words, "From: x@else.test"), observed(Reason::FromNotAllowed, "t"));
    EXPECT_EQ(decided_at_end(compiled(yaml("off")), words, "From: x@else.test"), passed("t"));
    EXPECT_EQ(decided_at_end(compiled(yaml("off")), words, "Subject: none"), passed("t"));
}

// ---- modes

TEST(Decide, ASuspendedTenantSendsNothing)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: suspended}}");
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test"), refused(Reason::TenantSuspended, "t"));
}

TEST(Decide, AnObservedTenantPassesAndTheReasonIsTold)
{
    auto const rules = compiled(R"(
tenants:
  watched: {clients: [10.0.0.1], senders: ["@t.test"], mode: observe, recipients: {deny: ["@no.test"]}}
  strict:  {clients: [10.0.0.2, 10.0.0.3], senders: ["@s.test"]}
  also:    {clients: [10.0.0.3], senders: ["@also.test"], mode: observe}
)");
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test recipient=x@no.test"), observed(Reason::RecipientNotAllowed, "watched"));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@else.test"), observed(Reason::SenderNotAllowed))
        << "every tenant of the client is observed";
    EXPECT_EQ(decided(rules, "client_address=10.0.0.3 sender=a@else.test"), refused(Reason::SenderNotAllowed))
        << "one of the client's tenants is not observed";
    EXPECT_EQ(decided(rules, "client_address=10.0.0.9 sender=a@t.test"), refused(Reason::ClientNotAllowed));
}

TEST(Decide, UnknownTenantsMayBeObserved)
{
    auto const rules = compiled("unknown_tenant: observe\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: suspended}}");
    EXPECT_EQ(decided(rules, "client_address=10.0.0.9 sender=a@t.test"), observed(Reason::ClientNotAllowed));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@else.test"), observed(Reason::SenderNotAllowed));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test"), refused(Reason::TenantSuspended, "t"))
        << "covers steps 1 to 4 only";
}

TEST(Decide, LocalMailIsNeverRefusedAndHasNoTenant)
{
    auto const rules = compiled(kShops);
    auto asked = message(rules, "client_address=127.0.0.1 sender=root@shop.test", "From: a@b.test\nX-KeyBuzz-Tenant: shop");
    asked.local = true;
    EXPECT_EQ(shown(decide(rules, asked)), passed());
}

// ---- rules

TEST(Decide, TheFirstRuleThatHoldsDecides)
{
    auto const rules = compiled(R"(
tenants: {t: {clients: [10.0.0.1], senders: ["@t.test"]}}
rules:
  - {name: friends, when: {recipient: "vip@x.test"}, action: pass}
  - {name: no-x, when: {recipient: "@x.test"}, action: reject, text: not served here}
  - {name: later, when: {recipient: "@y.test"}, action: defer}
  - {name: look, when: {recipient: "@z.test"}, action: hold}
)");
    auto const words = std::string{"client_address=10.0.0.1 sender=a@t.test recipient="};
    EXPECT_EQ(decided(rules, words + "vip@x.test"), passed("t", "friends"));
    EXPECT_EQ(decided(rules, words + "b@x.test"), refused(Reason::Rule, "t", "no-x"));
    EXPECT_EQ(decided(rules, words + "b@w.test"), passed("t"));

    auto const refusal = request(words + "b@x.test");
    EXPECT_EQ(to_string(decide(rules, refusal).reply), "554 5.7.1 not served here (rule)");
    auto const deferral = request(words + "b@y.test");
    EXPECT_EQ(to_string(decide(rules, deferral).reply), "450 4.7.1 Refused by a local rule (rule)");
    auto const held = request(words + "b@z.test");
    EXPECT_EQ(decide(rules, held).action, mail::Action::Hold);
    EXPECT_EQ(rules.rules[0].hits->load(), 1u);
    EXPECT_EQ(rules.rules[1].hits->load(), 2u);
}

TEST(Decide, ARuleThatCannotBeToldYetEndsTheAskingUntilTheEnd)
{
    auto const rules = compiled(R"(
tenants: {t: {clients: [10.0.0.1], senders: ["@t.test"]}}
rules:
  - {name: trusted-author, when: {from: boss@t.test}, action: pass}
  - {name: no-x, when: {recipient: "@x.test"}, action: reject}
)");
    auto const words = "client_address=10.0.0.1 sender=a@t.test recipient=b@x.test";
    EXPECT_EQ(decided(rules, words), passed("t")) << "the message may turn out to be the boss's";
    EXPECT_EQ(decided_at_end(rules, words, "From: boss@t.test"), passed("t", "trusted-author"));
    EXPECT_EQ(decided_at_end(rules, words, "From: other@t.test"), refused(Reason::Rule, "t", "no-x"));
}

TEST(Decide, RulesAreAskedFromRcptOn)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}\n"
                                "rules: [{name: all, when: {}, action: reject}]");
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test"), passed("t"));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test recipient=x@y.test"), refused(Reason::Rule, "t", "all"));
}

TEST(Decide, ARuleAboutOneOfManyEqualTenantsIsSeen)
{
    // a, b and c differ in nothing but their names and share one Terms; c is still told apart.
    auto const rules = compiled(R"(
tenants:
  a: {clients: [10.0.0.1], senders: ["@t.test"]}
  b: {clients: [10.0.0.1], senders: ["@t.test"]}
  c: {clients: [10.0.0.1], senders: ["@t.test"]}
rules: [{name: only-c, when: {not: {tenant: c}}, action: reject}]
)");
    ASSERT_EQ(rules.terms.size(), 1u);
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=x@t.test recipient=y@z.test"), passed()) << "c would let it pass";
    auto const words = "client_address=10.0.0.1 sender=x@t.test recipient=y@z.test";
    EXPECT_EQ(decided_at_end(rules, words, "From: x@t.test\nX-KeyBuzz-Tenant: a"), refused(Reason::Rule, "a", "only-c"));
    EXPECT_EQ(decided_at_end(rules, words, "From: x@t.test\nX-KeyBuzz-Tenant: c"), passed("c"));
}

// ---- suspended by an operator

TEST(DecideSuspended, ASuspendedTenantIsRefusedFromMailOn)
{
    auto const rules = compiled(kShops);
    auto const switched_off = suspended({"shop"});
    auto const mail = std::string{"client_address=10.0.0.5 sender=orders@shop.test"};
    EXPECT_EQ(decided(rules, mail, switched_off), refused(Reason::TenantSuspended, "shop"));
    EXPECT_EQ(decided(rules, mail + " recipient=x@y.test", switched_off), refused(Reason::TenantSuspended, "shop"));
    EXPECT_EQ(decided_at_end(rules, mail + " recipient=x@y.test", "From: orders@shop.test", switched_off),
              refused(Reason::TenantSuspended, "shop"));
    EXPECT_EQ(decided(rules, "client_address=192.0.2.1 sender=a@press.test", switched_off), passed("press")) << "others are not";
    EXPECT_EQ(decided(rules, "client_address=203.0.113.7 sender=orders@shop.test", switched_off), refused(Reason::ClientNotAllowed))
        << "what is refused earlier keeps its reason";
}

TEST(DecideSuspended, AResumedTenantSends)
{
    auto suspensions = suspended({"shop"});
    suspensions.merge("shop", {false, kNow + std::chrono::seconds{1}, ""});
    EXPECT_EQ(decided(compiled(kShops), "client_address=10.0.0.5 sender=orders@shop.test", suspensions), passed("shop"));
}

TEST(DecideSuspended, ResumingDoesNotLiftTheModeOfTheConfiguration)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: suspended}}");
    Suspensions suspensions;
    suspensions.merge("t", {false, kNow, ""});
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@t.test", suspensions), refused(Reason::TenantSuspended, "t"));
}

TEST(DecideSuspended, TheSwitchIsEnforcedInObserveModeToo)
{
    auto const rules = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: observe}}");
    auto const words = "client_address=10.0.0.1 sender=a@t.test recipient=x@y.test";
    EXPECT_EQ(decided(rules, words, suspended({"t"})), refused(Reason::TenantSuspended, "t"));
    EXPECT_EQ(decided_at_end(rules, words, "From: a@t.test", suspended({"t"})), refused(Reason::TenantSuspended, "t"));
}

TEST(DecideSuspended, AnotherSenderIsNoWayRoundTheSwitchWhereTheRestIsObserved)
{
    auto const words = "client_address=10.0.0.1 sender=a@elsewhere.test";
    auto const one = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: observe}}");
    EXPECT_EQ(decided(one, words), observed(Reason::SenderNotAllowed));
    EXPECT_EQ(decided(one, words, suspended({"t"})), refused(Reason::SenderNotAllowed));

    auto const unknown_observed = compiled("unknown_tenant: observe\ntenants: {t: {clients: [10.0.0.1], senders: ['@t.test']}}");
    EXPECT_EQ(decided(unknown_observed, words, suspended({"t"})), refused(Reason::SenderNotAllowed));
    EXPECT_EQ(decided(unknown_observed, "client_address=10.0.0.9 sender=a@t.test", suspended({"t"})), observed(Reason::ClientNotAllowed))
        << "somebody else's client";

    auto const two = compiled("tenants: {t: {clients: [10.0.0.1], senders: ['@t.test'], mode: observe}, "
                              "u: {clients: [10.0.0.1], senders: ['@u.test'], mode: observe}}");
    EXPECT_EQ(decided(two, words, suspended({"t"})), observed(Reason::SenderNotAllowed)) << "it may be the other's mail";
    EXPECT_EQ(decided(two, words, suspended({"t", "u"})), refused(Reason::SenderNotAllowed));
}

TEST(DecideSuspended, OfSeveralPossibleTenantsOneThatIsNotSuspendedSuffices)
{
    auto const rules = compiled(kTwins);
    auto const words = "client_address=10.0.0.1 sender=x@shared.test recipient=y@z.test";
    EXPECT_EQ(decided(rules, words, suspended({"one"})), passed());
    EXPECT_EQ(decided(rules, words, suspended({"two"})), passed());
    EXPECT_EQ(decided(rules, words, suspended({"one", "two"})), refused(Reason::TenantSuspended));
    EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=x@shared.test recipient=y@b.test", suspended({"one"})),
              refused(Reason::RecipientNotAllowed)) << "the other may not write there";
}

// Equal tenants share their Terms, and one of them speaks for all.
TEST(DecideSuspended, AmongEqualTenantsAnyThatIsNotSuspendedSpeaksForTheRest)
{
    std::string yaml = "tenants:\n";
    for (auto const* name : {"a", "b", "c", "d", "e"}) yaml += "  " + std::string{name} + ": {clients: [10.0.0.1], senders: ['@t.test']}\n";
    auto const words = "client_address=10.0.0.1 sender=x@t.test recipient=y@z.test";

    auto const alike = compiled(yaml);
    ASSERT_EQ(alike.terms.size(), 1u);
    EXPECT_EQ(decided(alike, words, suspended({"a"})), passed());
    EXPECT_EQ(decided(alike, words, suspended({"a", "b", "c", "e"})), passed());
    EXPECT_EQ(decided(alike, words, suspended({"a", "b", "c", "d", "e"})), refused(Reason::TenantSuspended));

    auto const one_named = compiled(yaml + "rules: [{name: only-c, when: {not: {tenant: c}}, action: reject}]");
    EXPECT_EQ(decided(one_named, words, suspended({"a"})), passed()) << "c";
    EXPECT_EQ(decided(one_named, words, suspended({"c"})), refused(Reason::Rule, "", "only-c")) << "the rule is against all others";
    EXPECT_EQ(decided(one_named, words, suspended({"c", "a", "b"})), refused(Reason::Rule, "", "only-c")) << "d got further than they";

    auto const all_named = compiled(yaml + "rules: [{name: few, when: {tenant: [a, b, c, d]}, action: reject}]");
    EXPECT_EQ(decided(all_named, words), passed()) << "e";
    EXPECT_EQ(decided(all_named, words, suspended({"e"})), refused(Reason::Rule, "", "few"));
}

TEST(DecideSuspended, AClaimOfASuspendedTenantIsRefusedAndThatOfItsTwinPasses)
{
    auto const rules = compiled(kTwins);
    auto const words = "client_address=10.0.0.1 sender=x@shared.test recipient=y@z.test";
    EXPECT_EQ(decided_at_end(rules, words, "From: x@shared.test\nX-KeyBuzz-Tenant: one", suspended({"one"})),
              refused(Reason::TenantSuspended, "one"));
    EXPECT_EQ(decided_at_end(rules, words, "From: x@shared.test\nX-KeyBuzz-Tenant: two", suspended({"one"})), passed("two"));
    EXPECT_EQ(decided_at_end(rules, words, "From: x@shared.test", suspended({"one"})), refused(Reason::TenantAmbiguous))
        << "a suspension tells nobody apart";
}

TEST(Decide, OwnFailureDefersUnlessToldOtherwise)
{
    auto const deferred = own_failure(OnError::Defer);
    EXPECT_EQ(to_string(deferred.reply), "451 4.3.0 Mail gate in trouble, try again later (internal_error)");
    EXPECT_EQ(deferred.action, mail::Action::Defer);
    EXPECT_EQ(own_failure(OnError::Pass).action, mail::Action::Pass);
    EXPECT_EQ(own_failure(OnError::Pass).reason, Reason::InternalError);
}

}   // namespace
}   // namespace mailcore::rules::testing
