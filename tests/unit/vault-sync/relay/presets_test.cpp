#include <gtest/gtest.h>

#include "tests/unit/vault-sync/relay/records.hpp"
#include "vault-sync/config/providers.hpp"

namespace mailcore::vault_sync {
namespace {

RelaySettings preset(std::string const& name)
{
    auto settings = relay_settings();
    settings.preset = name;
    return settings;
}

constexpr char const* kToken = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

TEST(Preset, FillsInHostAndPort)
{
    struct {
        char const* name;
        char const* nexthop;
    } const expected[] = {
        {"gmail", "[smtp.gmail.com]:587"},         {"google-relay", "[smtp-relay.gmail.com]:587"},
        {"sendgrid", "[smtp.sendgrid.net]:587"},   {"mailgun", "[smtp.mailgun.org]:587"},
        {"office365", "[smtp.office365.com]:587"}, {"postmark", "[smtp.postmarkapp.com]:587"},
        {"brevo", "[smtp-relay.brevo.com]:587"},   {"sparkpost", "[smtp.sparkpostmail.com]:587"},
    };
    for (auto const& [name, nexthop] : expected) {
        auto const relay = made(preset(name), {{"user", "u@example.org"}, {"password", "SG.x"}});
        EXPECT_EQ(relay.nexthop(), nexthop);
        EXPECT_EQ(relay.tls, Tls::StartTls);
    }
}

TEST(Preset, LeavesHostAndPortOfTheSecretAlone)
{
    auto const relay =
        made(preset("sendgrid"), {{"host", "smtp.eu.sendgrid.net"}, {"port", "465"}, {"password", "SG.x"}});
    EXPECT_EQ(relay.nexthop(), "[smtp.eu.sendgrid.net]:465");
    EXPECT_EQ(relay.tls, Tls::Wrapper);
}

TEST(Preset, WarnsOfAHostThatIsNotTheProviders)
{
    EXPECT_EQ(
        warnings(preset("mailgun"), {{"host", "smtp.example.org"}, {"user", "u"}, {"password", "p"}}),
        "the host smtp.example.org is none of the preset mailgun, which has smtp.mailgun.org or smtp.eu.mailgun.org\n");
}

TEST(Preset, WarnsOfAPortThatIsNotServed)
{
    EXPECT_EQ(warnings(preset("postmark"), {{"port", "465"}, {"user", kToken}, {"password", kToken}}),
              "port 465 is none that postmark is known to serve\n");
}

TEST(Gmail, TakesAppPasswordsAsGoogleShowsThem)
{
    auto const relay = made(preset("gmail"), {{"user", "u@gmail.com"}, {"password", "abcd efgh ijkl mnop"}});
    EXPECT_EQ(relay.password.reveal(), "abcdefghijklmnop");
    EXPECT_EQ(warnings(preset("gmail"), {{"user", "u@gmail.com"}, {"password", "abcd efgh ijkl mnop"}}), "");
}

TEST(Gmail, WarnsOfAPasswordThatIsNoAppPassword)
{
    EXPECT_EQ(warnings(preset("gmail"), {{"user", "u@gmail.com"}, {"password", "Tr0ub4dor&3"}}),
              "the password does not look like an app password of 16 letters (myaccount.google.com/apppasswords), "
              "which gmail expects\n");
}

TEST(Sendgrid, KnowsItsOneUser)
{
    EXPECT_EQ(made(preset("sendgrid"), {{"password", "SG.abc"}}).user, "apikey");
    EXPECT_EQ(made(preset("sendgrid"), {{"user", "apikey"}, {"password", "SG.abc"}}).user, "apikey");
    EXPECT_EQ(warnings(preset("sendgrid"), {{"user", "me@example.org"}, {"password", "abc"}}),
              "the user of sendgrid is always `apikey`, but the secret has another\n"
              "the password does not look like an API key that begins with SG., which sendgrid expects\n");
}

TEST(Sparkpost, KnowsItsOneUser)
{
    EXPECT_EQ(made(preset("sparkpost"), {{"password", "0123"}}).user, "SMTP_Injection");
}

TEST(Postmark, UsesItsTokenAsBoth)
{
    for (auto const* field : {"user", "password"}) {
        auto const relay = made(preset("postmark"), {{field, kToken}});
        EXPECT_EQ(relay.user, kToken);
        EXPECT_EQ(relay.password.reveal(), kToken);
        EXPECT_EQ(relay.shown_user(), "(token)");
    }
    EXPECT_EQ(warnings(preset("postmark"), {{"user", "me"}, {"password", kToken}}),
              "Postmark takes the server token as user and as password, but the two differ\n");
}

TEST(Office365, SaysThatPasswordsAreEnding)
{
    EXPECT_EQ(warnings(preset("office365"), {{"user", "u@example.org"}, {"password", "p"}}),
              "Microsoft is ending SMTP logins with a password: off by default from the end of December 2026\n");
}

TEST(Outlook, IsWarnedOfWithoutAPreset)
{
    EXPECT_EQ(warnings(relay_settings(), {{"host", "smtp-mail.outlook.com"}, {"user", "u"}, {"password", "p"}}),
              "smtp-mail.outlook.com takes no password since September 2024, only OAuth\n");
}

TEST(GoogleRelay, MayBeWithoutLogin)
{
    auto const relay = made(preset("google-relay"), {{"user", ""}, {"password", ""}});
    EXPECT_FALSE(relay.has_login());
    EXPECT_EQ(relay.tls, Tls::StartTls);
}

}   // namespace
}   // namespace mailcore::vault_sync
