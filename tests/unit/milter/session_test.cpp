#include "milter/session.hpp"

#include "core/mail/stamp.hpp"
#include "tests/unit/milter/milter_language.hpp"

namespace mailcore::milter::testing {
namespace {

using mail::Reason;

Headers copies(int number, std::string const& name, std::string const& value)
{
    return Headers(static_cast<std::size_t>(number), {name, value});
}

// --- the stamp

TEST(MilterSession, StampsAMessageOfATenant)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, SignsWithTheActiveKey)
{
    Mta mta{rules(kTwoTenants, some_keys())};
    auto const outcome = mta.send({.from = "<Shop+T-9@ACME.test>", .headers = {{"Message-ID", " <1@acme.test> "}}});
    ASSERT_EQ(outcome.additions.size(), 3u);
    EXPECT_EQ(outcome.additions[1], (std::pair<std::string, std::string>{"X-KeyBuzz-Ticket", "T-9"}));
    EXPECT_EQ(outcome.additions[2].first, "X-KeyBuzz-Stamp");
    auto const proven = mail::verify_stamp(*some_keys(), outcome.additions[2].second,
                                           {.queue_id = {},
                                            .tenant = "acme",
                                            .ticket = "T-9",
                                            .sender = "Shop+T-9@acme.test",
                                            .message_id = "<1@acme.test>"},
                                           kNow, std::chrono::hours{1});
    EXPECT_TRUE(proven) << proven.error().message;
    EXPECT_NE(outcome.additions[2].second.find("q=4jWYs717qcz8lWc;"), std::string::npos);
}

TEST(MilterSession, WhatCannotBeSignedIsDeferredAndLeftUnstamped)
{
    Mta mta{rules(kTwoTenants, some_keys())};
    EXPECT_EQ(mta.send({.headers = {{"Message-ID", "<1\r2@acme.test>"}}}), deferred());
    Mta lenient{rules(std::string{"on_error: pass"} + kTwoTenants, some_keys())};
    EXPECT_EQ(lenient.send({.headers = {{"Message-ID", "<1\r2@acme.test>"}, {"X-KeyBuzz-Tenant", "acme"}}}),
              unstamped().because(Reason::InternalError).removed({{"X-KeyBuzz-Tenant", 1}}, 1));
}

// --- stripping

TEST(MilterSession, RemovesOneToFiveForgedCopiesOfEachStampHeader)
{
    Mta mta{rules(kTwoTenants)};
    for (int number = 1; number <= 5; ++number) {
        auto const counted = static_cast<std::uint64_t>(number);
        EXPECT_EQ(mta.send({.headers = copies(number, "x-keybuzz-STAMP", "v=1; k=k1")}),
                  stamped("acme").removed({{"X-KeyBuzz-Stamp", number}}, counted));
    }
}

TEST(MilterSession, CountsNamesWhateverTheirCaseAndBlanksBeforeTheColon)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Stamp", "1"}, {"X-KEYBUZZ-STAMP ", "2"}, {"x-keybuzz-stamp \t ", "3"}, {"X-KeyBuzz-Stamps", "other"}}}),
              stamped("acme").removed({{"X-KeyBuzz-Stamp", 3}}, 3));
}

TEST(MilterSession, AClaimOfTheTenantIsRemovedButNotForged)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Tenant", "acme"}, {"X-KeyBuzz-Ticket", "T-1"}}}),
              stamped("acme").with_ticket("T-1").removed({{"X-KeyBuzz-Tenant", 1}, {"X-KeyBuzz-Ticket", 1}}, 0));
}

TEST(MilterSession, AnEmptyClaimIsNoneAndCountsAsForged)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Tenant", " \n\t"}, {"X-KeyBuzz-Tenant", "acme"}}}),
              stamped("acme").removed({{"X-KeyBuzz-Tenant", 2}}, 1));
}

TEST(MilterSession, ClaimsUnderAnotherNameThanTheStampAreRemovedToo)
{
    Mta mta{rules(std::string{"claims: {tenant_headers: [X-Claim, x-old-claim], ticket_headers: []}"} + kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-Claim", "acme"}, {"X-Old-Claim", "acme"}, {"X-KeyBuzz-Tenant", "acme"}}}),
              stamped("acme").removed({{"X-Claim", 1}, {"x-old-claim", 1}, {"X-KeyBuzz-Tenant", 1}}, 1));
}

TEST(MilterSession, ARefusedMessageIsNotEdited)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Tenant", "books"}}}), rejected(Reason::TenantClaimRefused));
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Tenant", "acme"}, {"X-KeyBuzz-Tenant", "books"}}}), rejected(Reason::TenantClaimRefused));
}

TEST(MilterSession, TooManyCopiesAreDeferredWhateverOnErrorSays)
{
    Mta mta{rules(std::string{"on_error: pass"} + kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = copies(MilterSession::kMaxCopies, "X-KeyBuzz-Stamp", "x")}).action, mail::Action::Pass);
    EXPECT_EQ(mta.send({.headers = copies(MilterSession::kMaxCopies + 1, "X-KeyBuzz-Stamp", "x")}), deferred());
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, TooLongAHeaderIsDeferredWhateverOnErrorSays)
{
    Mta mta{rules(std::string{"on_error: pass"} + kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = copies(80, "X-Long", std::string(60'000, 'x'))}), deferred());
    EXPECT_EQ(mta.send(), stamped("acme"));
}

// --- one message after the other

TEST(MilterSession, TwoMessagesOfDifferentTenantsOnOneConnection)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Tenant", "acme"}, {"Subject", "[#T-1]"}, {"X-KeyBuzz-Stamp", "x"}}}),
              stamped("acme").with_ticket("T-1").removed({{"X-KeyBuzz-Tenant", 1}, {"X-KeyBuzz-Stamp", 1}}, 1));
    EXPECT_EQ(mta.send({.from = "<b@books.test>"}), stamped("books"));
    EXPECT_EQ(mta.send({.from = "<b@other.test>"}), rejected(Reason::SenderNotAllowed));
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, AMessageGivenUpLeavesNothingBehind)
{
    Mta mta{rules(kTwoTenants)};
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.add_header("X-KeyBuzz-Tenant", "acme");
    mta.session.add_header("X-KeyBuzz-Ticket", "T-1");
    mta.session.forget_message();   // RSET
    EXPECT_FALSE(mta.session.in_message());
    EXPECT_EQ(mta.session.request().recipients.size(), 0u);
    EXPECT_EQ(mta.send({.from = "<b@books.test>"}), stamped("books"));
}

TEST(MilterSession, ANewMailBeginsAnewEvenWithoutAnEndOfTheOneBefore)
{
    Mta mta{rules(kTwoTenants)};
    mta.mail("<a@acme.test>");
    mta.session.add_header("X-KeyBuzz-Tenant", "acme");
    EXPECT_EQ(mta.send({.from = "<b@books.test>"}), stamped("books"));
}

TEST(MilterSession, ForgettingWithoutAMessageIsHarmless)
{
    Mta mta{rules(kTwoTenants)};
    mta.session.forget_message();
    mta.session.forget_message();
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, CommandsWithoutMailAreDeferred)
{
    Mta mta{rules(kTwoTenants)};
    EXPECT_EQ(outcome_of(mta.rcpt("<user@example.com>")), deferred());
    mta.session.add_header("X-KeyBuzz-Tenant", "acme");
    EXPECT_EQ(outcome_of(mta.session.end_message({.queue_id = "4jW"}, kNow)), deferred());
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, ARepeatedGreetingReplacesTheFirst)
{
    Mta mta{rules(kTwoTenants)};
    mta.session.greeted("second.test");
    EXPECT_EQ(mta.session.request().helo, "second.test");
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, OpenedAgainItKnowsNothingOfTheFormerConnection)
{
    Mta mta{rules(kTwoTenants)};
    mta.session.distrust_connection();
    EXPECT_EQ(mta.send(), deferred());
    mta.session.open(Body::Unseen);
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));   // no client yet
    mta.connect("10.0.0.1");
    EXPECT_EQ(mta.send(), stamped("acme"));
}

TEST(MilterSession, AReloadIsSeenByTheNextMessageAndNotByThisOne)
{
    Mta mta{rules(kTwoTenants)};
    mta.mail("<a@acme.test>");
    mta.use(rules("tenants: {other: {clients: [10.0.0.1], senders: ['@acme.test'], from: off}}"));
    mta.rcpt("<user@example.com>");
    EXPECT_EQ(outcome_of(mta.finish({})), stamped("acme"));
    mta.session.forget_message();
    EXPECT_EQ(mta.send(), stamped("other"));
}

TEST(MilterSession, KeepsNoRulesBetweenMessages)
{
    auto ruleset = rules(kTwoTenants);
    Mta mta{ruleset};
    mta.send();
    mta.use(nullptr);
    EXPECT_EQ(ruleset.use_count(), 1);
}

// --- recipients

TEST(MilterSession, ARefusedRecipientIsDroppedAndTheRestGoes)
{
    Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], from: off, recipients: {deny: ['@bad.test']}}}")};
    mta.mail("<a@acme.test>");
    EXPECT_EQ(mta.rcpt("<x@good.test>").verdict.action, mail::Action::Pass);
    EXPECT_EQ(mta.rcpt("<x@bad.test>").verdict.reason, Reason::RecipientNotAllowed);
    EXPECT_EQ(mta.session.request().recipients.size(), 1u);
    EXPECT_EQ(outcome_of(mta.finish({})), stamped("acme"));
    EXPECT_EQ(mta.session.request().recipient_count, 1u);
}

TEST(MilterSession, ARecipientIsMatchedAsRewritten)
{
    Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], from: off, recipients: {deny: ['@bad.test']}}}")};
    mta.mail("<a@acme.test>");
    auto const answer = mta.session.add_recipient({.path = "<user%bad.test@[127.0.0.1]>", .address = "user@bad.test"});
    EXPECT_EQ(answer.verdict.reason, Reason::RecipientNotAllowed);
}

// --- who it is

TEST(MilterSession, ALoginIsEvidenceForItsMessageOnly)
{
    Mta mta{rules("tenants: {acme: {logins: [shop], senders: ['@acme.test'], from: off}}")};
    mta.login = "shop";
    EXPECT_EQ(mta.send(), stamped("acme"));
    mta.login = "";
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));
}

TEST(MilterSession, AnUnknownAddressFamilyIsInNoNetwork)
{
    Mta mta{rules(kTwoTenants)};
    mta.session.connected({.client = "unknown", .address = std::nullopt, .daemon_port = "25"});
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));
    EXPECT_EQ(mta.session.request().client, "unknown");
}

TEST(MilterSession, AMappedAddressIsTheIpv4AddressItIs)
{
    Mta mta{rules(kTwoTenants)};
    mta.connect("::ffff:10.0.0.1");
    EXPECT_EQ(mta.send(), stamped("acme"));
    EXPECT_EQ(mta.session.request().client, "10.0.0.1");
}

TEST(MilterSession, ACertificateIsKnownAtTheEndOnly)
{
    std::string const digest(64, 'a');
    Mta mta{rules("tenants: {acme: {certificates: ['sha256:" + digest + "'], senders: ['@acme.test'], from: off}}")};
    mta.tls = true;
    mta.certificate = digest;
    EXPECT_EQ(mta.send(), stamped("acme"));
    mta.certificate = "";
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));
    mta.certificate = std::string(64, 'b');
    EXPECT_EQ(mta.send(), rejected(Reason::CertificateUnknown));
}

TEST(MilterSession, AskesForANoteOnlyWhereACertificateMayBe)
{
    std::string const digest(64, 'a');
    Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], certificates: ['sha256:" + digest + "'], senders: ['@acme.test'], from: off}}")};
    mta.mail("<a@acme.test>");
    EXPECT_FALSE(mta.session.wants_certificate());
    mta.tls = true;
    mta.mail("<a@acme.test>");
    EXPECT_TRUE(mta.session.wants_certificate());
    mta.use(rules(kTwoTenants));
    mta.mail("<a@acme.test>");
    EXPECT_FALSE(mta.session.wants_certificate());
}

TEST(MilterSession, NotesThatCannotBeReadAreOurOwnFailure)
{
    std::string const digest(64, 'a');
    Mta mta{rules("tenants: {acme: {certificates: ['sha256:" + digest + "'], senders: ['@acme.test'], from: off}}")};
    mta.tls = true;
    mta.certificate_known = false;
    EXPECT_EQ(mta.send(), deferred());
}

// --- modes

TEST(MilterSession, StripsAndStampsAnObservedTenantWhateverItDoes)
{
    Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], mode: observe}}")};
    EXPECT_EQ(mta.send({.headers = {{"From", "x@other.test"}, {"X-KeyBuzz-Stamp", "x"}}}),
              stamped("acme").because(Reason::FromNotAllowed).removed({{"X-KeyBuzz-Stamp", 1}}, 1));
}

TEST(MilterSession, StripsAndLeavesUnstampedWhoIsUnknownButObserved)
{
    Mta mta{rules(std::string{"unknown_tenant: observe"} + kTwoTenants)};
    EXPECT_EQ(mta.send({.from = "<a@other.test>", .headers = {{"X-KeyBuzz-Tenant", "acme"}}}),
              unstamped().because(Reason::SenderNotAllowed).removed({{"X-KeyBuzz-Tenant", 1}}, 1));
}

TEST(MilterSession, RefusesASuspendedTenant)
{
    Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], mode: suspended}}")};
    EXPECT_EQ(mta.send(), rejected(Reason::TenantSuspended, "acme"));
}

TEST(MilterSession, StampsWhatIsHeld)
{
    Mta mta{rules(std::string{"rules: [{name: look, when: {recipient: '@watched.test'}, action: hold}]"} + kTwoTenants)};
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@watched.test>");
    auto const outcome = outcome_of(mta.finish({.headers = {{"X-KeyBuzz-Stamp", "x"}}}));
    EXPECT_EQ(outcome.action, mail::Action::Hold);
    EXPECT_EQ(outcome.additions, (Headers{{"X-KeyBuzz-Tenant", "acme"}}));
    EXPECT_EQ(outcome.removals, (Removals{{"X-KeyBuzz-Stamp", 1}}));
}

TEST(MilterSession, LocalMailIsStrippedAndNothingElse)
{
    Mta mta{rules("tenants: {acme: {clients: [127.0.0.1], senders: ['@acme.test']}}", some_keys())};
    mta.connect("127.0.0.1", "0");
    EXPECT_TRUE(mta.session.request().local);
    EXPECT_EQ(mta.send({.from = "a@acme.test", .headers = {{"X-KeyBuzz-Tenant", "acme"}, {"X-KeyBuzz-Stamp", "x"}}}),
              unstamped().removed({{"X-KeyBuzz-Tenant", 1}, {"X-KeyBuzz-Stamp", 1}}, 2));
    EXPECT_EQ(mta.send({.from = "root", .to = {"<nobody>"}, .queue_id = ""}), unstamped());
}

TEST(MilterSession, AClientOfTheLoopbackIsNotLocalMail)
{
    Mta mta{rules(kTwoTenants)};
    mta.connect("127.0.0.1", "25");
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));
    mta.connect("127.0.0.1", "");   // a macro that is missing exempts nobody
    EXPECT_EQ(mta.send(), rejected(Reason::ClientNotAllowed));
}

// --- own failures

TEST(MilterSession, WithoutAQueueIdOnErrorDecides)
{
    Mta strict{rules(kTwoTenants)};
    EXPECT_EQ(strict.send({.queue_id = ""}), deferred());
    Mta lenient{rules(std::string{"on_error: pass"} + kTwoTenants)};
    EXPECT_EQ(lenient.send({.headers = {{"X-KeyBuzz-Stamp", "x"}}, .queue_id = ""}),
              unstamped().because(Reason::InternalError).removed({{"X-KeyBuzz-Stamp", 1}}, 1));
}

TEST(MilterSession, AnOwnFailureThatPassesMailPassesNoneThatTheRulesRefuse)
{
    Mta lenient{rules(std::string{"on_error: pass"} + kTwoTenants)};
    EXPECT_EQ(lenient.send({.headers = {{"X-KeyBuzz-Tenant", "books"}}, .queue_id = ""}), rejected(Reason::TenantClaimRefused));
}

TEST(MilterSession, ADistrustedMessageIsDeferredAndTheNextIsNot)
{
    Mta mta{rules(std::string{"on_error: pass"} + kTwoTenants)};
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.session.distrust_message();
    EXPECT_EQ(outcome_of(mta.finish({})), deferred());
    mta.session.forget_message();
    EXPECT_EQ(mta.send(), stamped("acme"));
}

// --- size

constexpr auto kSmallTenant = "tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], from: off, size: 100}}";

TEST(MilterSession, CountsHeaderAndBodyAsSmtpCarriedThem)
{
    Mta mta{rules(kSmallTenant), Body::Counted};
    mta.mail("<a@acme.test>");
    mta.rcpt("<user@example.com>");
    mta.finish({.headers = {{"Subject", "ab\n cd"}, {"X", ""}}, .body = "12345\r\n"});
    std::string const wire = "Subject: ab\r\n cd\r\nX: \r\n\r\n12345\r\n";
    EXPECT_EQ(mta.session.request().size, wire.size());
}

TEST(MilterSession, RefusesWhatIsLargerThanDeclared)
{
    Mta mta{rules(kSmallTenant), Body::Counted};
    EXPECT_EQ(mta.send({.body = std::string(90, 'x')}), stamped("acme"));
    EXPECT_EQ(mta.send({.body = std::string(101, 'x')}), rejected(Reason::SizeExceeded, "acme"));
    EXPECT_EQ(mta.send({.body = std::string(90, 'x')}), stamped("acme"));
}

TEST(MilterSession, DefersWhereNobodyCountedTheBodyButALimitOfSizeCameWithAReload)
{
    Mta mta{rules(kTwoTenants), Body::Unseen};
    EXPECT_EQ(mta.send(), stamped("acme"));
    mta.use(rules(std::string{"on_error: pass\n"} + kSmallTenant));
    EXPECT_EQ(mta.send(), deferred());
    EXPECT_EQ(mta.send({.from = "<a@other.test>"}), rejected(Reason::SenderNotAllowed));
}

TEST(DeclaredSize, IsTheNumberBehindSize)
{
    EXPECT_EQ(declared_size("SIZE=1234"), 1234u);
    EXPECT_EQ(declared_size("size=1"), 1u);
    for (auto const* other : {"", "SIZE", "SIZE=", "SIZE=x", "SIZE=1x", "SIZE=-1", "BODY=8BITMIME", "SIZE=99999999999999999999"}) {
        EXPECT_EQ(declared_size(other), 0u) << other;
    }
}

}   // namespace
}   // namespace mailcore::milter::testing
