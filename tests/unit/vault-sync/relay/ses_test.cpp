#include <gtest/gtest.h>

#include "tests/unit/vault-sync/relay/records.hpp"
#include "vault-sync/config/providers.hpp"
#include "vault-sync/relay/ses.hpp"

namespace mailcore::vault_sync {
namespace {

// AWS's own example of a secret key; it opens nothing.
constexpr char const* kKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr char const* kUser = "AKIAIOSFODNN7EXAMPLE";
constexpr char const* kEuWest1 = "BIhFZ/Ylx0jPVY7JeKUnHT4rO9jfB1VuZu4qglc/3gj9";   // of SECRET_KEY

struct Vector {
    char const* region;
    char const* secret;
    char const* password;
};

// hashicorp/terraform-provider-aws access_key_test.go, pplu/AWSv4Signer t/05_ses.t, aws-sdk-php SesClientTest.php; the
// last three of kKey and us-gov-west-1 are regression values of our own, computed apart from this code.
constexpr Vector kVectors[] = {
    {"eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"},
    {"eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"},
    {"us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"},
    {"us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"},
    {"eu-west-1", "SECRET_KEY", kEuWest1},
    {"us-east-1", "SECRET_KEY", "BEhllZN9mAOanokSKCZhFUnAZr05oZGH3Yga8SI+ujh+"},
    {"us-east-2", kKey, "BMPPgbAHoFVbze1Ud0oA5uNdXRwUXUZ+qOwphGJbl/cS"},
    {"us-east-1", kKey, "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"},
    {"eu-west-3", kKey, "BDDdpSTzbzUY3SJq/n4Oq7heDuCWbOtogMi5S3AR673+"},
    {"us-gov-west-1", "some+secret+key", "BP+czkYcTrvnui06j1HkHa2MBKwoaUIdHSjA7s6SSOYm"},
};

TEST(SesPassword, IsTheOneThatAwsGives)
{
    for (auto const& [region, secret, password] : kVectors) {
        EXPECT_EQ(ses_password(base::Secret{secret}, region).reveal(), password) << region << ' ' << secret;
    }
}

TEST(SesPassword, WasTheSameForEveryRegionBefore2019)
{
    EXPECT_EQ(old_ses_password(base::Secret{"some+secret+key"}).reveal(),
              "AnkqhOiWEcszZZzTMCQbOY1sPGoLFgMH9zhp4eNgSjo4");
    EXPECT_EQ(old_ses_password(base::Secret{kKey}).reveal(), "An60U4ZD3sd4fg+FvXUjayOipTt8LO4rUUmhpdX6ctDy");
}

TEST(SesPassword, IsToldByItsLook)
{
    EXPECT_EQ(ses_password_version(base::Secret{kEuWest1}), SesPasswordVersion::Four);
    EXPECT_EQ(ses_password_version(base::Secret{"An60U4ZD3sd4fg+FvXUjayOipTt8LO4rUUmhpdX6ctDy"}),
              SesPasswordVersion::Two);
    EXPECT_EQ(ses_password_version(base::Secret{kKey}), SesPasswordVersion::None);
    EXPECT_EQ(ses_password_version(base::Secret{"BIhFZ/Ylx0jPVY7JeKUnHT4rO9jfB1VuZu4qglc/3gj"}),
              SesPasswordVersion::None);
    EXPECT_EQ(ses_password_version(base::Secret{"B*hFZ/Ylx0jPVY7JeKUnHT4rO9jfB1VuZu4qglc/3gj9"}),
              SesPasswordVersion::None);
}

TEST(Ses, MakesUserPasswordAndHostFromTheKey)
{
    auto const relay =
        made(ses_settings(), {{"access_key", kUser}, {"secret_key", "SECRET_KEY"}, {"region", "eu-west-1"}});
    EXPECT_EQ(relay.kind, "ses");
    EXPECT_EQ(relay.user, kUser);
    EXPECT_EQ(relay.password.reveal(), kEuWest1);
    EXPECT_EQ(relay.nexthop(), "[email-smtp.eu-west-1.amazonaws.com]:587");
    EXPECT_EQ(relay.tls, Tls::StartTls);
    EXPECT_EQ(warnings(ses_settings(), {{"access_key", kUser}, {"secret_key", "SECRET_KEY"}, {"region", "eu-west-1"}}),
              "");
}

TEST(Ses, KnowsTheNamesOfTheFieldsThatAwsItselfUses)
{
    auto const relay =
        made(ses_settings(), {{"access_key_id", kUser}, {"secret_access_key", kKey}, {"region", "eu-west-3"}});
    EXPECT_EQ(relay.user, kUser);
    EXPECT_EQ(relay.password.reveal(), "BDDdpSTzbzUY3SJq/n4Oq7heDuCWbOtogMi5S3AR673+");
}

TEST(Ses, IsAlsoMeantByItsPreset)
{
    auto settings = relay_settings("ses");
    settings.preset = "ses";
    EXPECT_EQ(made(settings, {{"access_key", kUser}, {"secret_key", "SECRET_KEY"}, {"region", "eu-west-1"}}).kind,
              "ses");
}

TEST(Ses, TakesTheRegionFromTheHost)
{
    for (auto const* host : {"email-smtp.eu-west-1.amazonaws.com", "email-smtp-fips.eu-west-1.amazonaws.com",
                             "EMAIL-SMTP.eu-west-1.api.aws", "vpce-0a1b.email-smtp.eu-west-1.vpce.amazonaws.com"}) {
        auto const relay = made(ses_settings(), {{"access_key", kUser}, {"secret_key", "SECRET_KEY"}, {"host", host}});
        EXPECT_EQ(relay.password.reveal(), kEuWest1) << host;
    }
}

TEST(Ses, RefusesAHostOfAnotherRegion)
{
    auto settings = ses_settings();
    settings.host = "email-smtp.us-east-1.amazonaws.com";
    EXPECT_EQ(refusal(settings, {{"access_key", kUser}, {"secret_key", kKey}, {"region", "eu-west-1"}}),
              "the host \"email-smtp.us-east-1.amazonaws.com\" is of the region us-east-1, but the secret is for "
              "\"eu-west-1\"; SES "
              "passwords work in their own region only");
}

TEST(Ses, RefusesARegionWithoutSmtpByNameWithTheList)
{
    EXPECT_EQ(
        refusal(ses_settings(), {{"access_key", kUser}, {"secret_key", kKey}, {"region", "eu-south-1"}}),
        "SES has no SMTP endpoint in the region \"eu-south-1\" (Milan); regions with SMTP: us-east-1, us-east-2, "
        "us-west-1, "
        "us-west-2, ca-central-1, sa-east-1, eu-west-1, eu-west-2, eu-west-3, eu-central-1, eu-north-1, ap-south-1, "
        "ap-northeast-1, ap-northeast-2, ap-northeast-3, ap-southeast-1, ap-southeast-2, us-gov-west-1, us-gov-east-1");
    for (auto const* region : {"af-south-1", "ap-southeast-3", "il-central-1", "me-south-1"}) {
        EXPECT_NE(refusal(ses_settings(), {{"access_key", kUser}, {"secret_key", kKey}, {"region", region}})
                      .find("has no SMTP endpoint"),
                  std::string::npos)
            << region;
    }
}

TEST(Ses, RefusesAnUnknownRegionAndSuggestsTheNearest)
{
    auto const words = refusal(ses_settings(), {{"access_key", kUser}, {"secret_key", kKey}, {"region", "EU-West-1"}});
    EXPECT_TRUE(
        words.starts_with("\"EU-West-1\" is no region where SES is known to have SMTP; did you mean \"eu-west-1\"? "
                          "(regions with SMTP: us-east-1,"))
        << words;
    EXPECT_TRUE(words.ends_with("; `region_check: off` takes any)")) << words;
}

TEST(Ses, TakesAnyWellFormedRegionWhenToldNotToCheck)
{
    auto settings = ses_settings();
    settings.region_check = "off";
    EXPECT_EQ(made(settings, {{"access_key", kUser}, {"secret_key", kKey}, {"region", "ap-south-2"}}).host,
              "email-smtp.ap-south-2.amazonaws.com");
    EXPECT_EQ(made(settings, {{"access_key", kUser}, {"secret_key", kKey}, {"region", "cn-north-1"}}).host,
              "email-smtp.cn-north-1.amazonaws.com.cn");
    EXPECT_EQ(refusal(settings, {{"access_key", kUser}, {"secret_key", kKey}, {"region", "ireland"}}),
              "\"ireland\" is not written like a region; write one as in eu-central-1");
}

TEST(Ses, TakesChinaByItsHost)
{
    auto const relay =
        made(ses_settings(),
             {{"access_key", kUser}, {"secret_key", kKey}, {"host", "email-smtp.cn-north-1.amazonaws.com.cn"}});
    EXPECT_EQ(relay.password, ses_password(base::Secret{kKey}, "cn-north-1"));
}

TEST(Ses, NeedsTheRegionForThePassword)
{
    EXPECT_EQ(refusal(ses_settings(), {{"access_key", kUser}, {"secret_key", kKey}}),
              "the field `region` is missing (it has access_key, secret_key); the password of SES depends on it, as in "
              "eu-west-1");
}

TEST(Ses, NeedsAKey)
{
    EXPECT_EQ(
        refusal(ses_settings(), {{"access_key", kUser}, {"region", "eu-west-1"}}),
        "the field `secret_key` is missing (it has access_key, region); SES's password is made from it and the region");
    EXPECT_EQ(refusal(ses_settings(), {{"secret_key", kKey}, {"region", "eu-west-1"}}),
              "the field `access_key` is missing (it has region, secret_key); it is the user of SES; the name of the "
              "IAM user is not");
}

TEST(Ses, PassesAStoredPasswordThrough)
{
    auto const relay = made(ses_settings(), {{"username", kUser}, {"password", kEuWest1}, {"region", "eu-west-1"}});
    EXPECT_EQ(relay.password.reveal(), kEuWest1);
    EXPECT_EQ(relay.user, kUser);
}

TEST(Ses, RecognisesAnOldStylePassword)
{
    EXPECT_EQ(warnings(ses_settings(), {{"access_key", kUser},
                                        {"password", "An60U4ZD3sd4fg+FvXUjayOipTt8LO4rUUmhpdX6ctDy"},
                                        {"region", "eu-west-1"}}),
              "the stored password is an old-style (version 2) one, made before 2019; derive a new one, or store "
              "`secret_key` and "
              "`region`\n");
}

TEST(Ses, WarnsOfAPasswordThatIsNone)
{
    EXPECT_EQ(warnings(ses_settings(), {{"access_key", kUser}, {"password", kKey}, {"region", "eu-west-1"}}),
              "the stored password does not look like one of SES (44 characters that begin with B); is it the secret "
              "access key? Then "
              "store it as `secret_key`\n");
}

TEST(Ses, RefusesAPasswordInPlaceOfTheSecretKey)
{
    for (auto const* password : {kEuWest1, "An60U4ZD3sd4fg+FvXUjayOipTt8LO4rUUmhpdX6ctDy"}) {
        EXPECT_EQ(refusal(ses_settings(), {{"access_key", kUser}, {"secret_key", password}, {"region", "eu-west-1"}}),
                  "`secret_key` holds an SMTP password, not a secret key; store it as `password`, or the IAM user's "
                  "secret access key as "
                  "`secret_key`");
    }
}

TEST(Ses, RecognisesThePasswordOfAnotherRegion)
{
    EXPECT_EQ(refusal(ses_settings(), {{"access_key", kUser},
                                       {"secret_key", "SECRET_KEY"},
                                       {"password", "BEhllZN9mAOanokSKCZhFUnAZr05oZGH3Yga8SI+ujh+"},
                                       {"region", "eu-west-1"}}),
              "the stored password is the one of the region us-east-1, but the region is eu-west-1; correct `region`, "
              "or remove "
              "`password`: it is derived from `secret_key`");
}

TEST(Ses, PrefersTheDerivedPasswordToOneThatDoesNotBelongToTheKey)
{
    Fields const fields{
        {"access_key", kUser}, {"secret_key", "SECRET_KEY"}, {"password", "something else"}, {"region", "eu-west-1"}};
    EXPECT_EQ(made(ses_settings(), fields).password.reveal(), kEuWest1);
    EXPECT_EQ(warnings(ses_settings(), fields),
              "the stored password does not belong to `secret_key` in eu-west-1; the one derived from "
              "the key is used instead\n");
}

TEST(Ses, RefusesTheHostThatOnlyTakesMailIn)
{
    auto settings = ses_settings();
    settings.host = "abc123.fips.wmjb.mail-manager-smtp.amazonaws.com";
    EXPECT_EQ(
        refusal(settings, {{"access_key", kUser}, {"secret_key", kKey}, {"region", "eu-west-1"}}),
        "the host abc123.fips.wmjb.mail-manager-smtp.amazonaws.com takes mail in and never sends it on; SES sends by "
        "email-smtp.eu-west-1.amazonaws.com");
}

TEST(Ses, WarnsOfAccessKeysThatCannotLogIn)
{
    auto const warning = [](char const* user) {
        return warnings(ses_settings(), {{"access_key", user}, {"secret_key", kKey}, {"region", "eu-west-1"}});
    };
    EXPECT_EQ(warning("ASIAIOSFODNN7EXAMPLE"),
              "the access key is a temporary one (ASIA…); SES takes the long-lived key of an IAM user only\n");
    EXPECT_EQ(warning("ses-smtp-user.2024"),
              "the access key does not look like one (AKIA…); the name of the IAM user does not log in\n");
}

TEST(Ses, RequiresTlsEvenWhereTheSecretSaysOtherwise)
{
    Fields const fields{
        {"access_key", kUser}, {"secret_key", kKey}, {"region", "eu-west-1"}, {"port", "25"}, {"use_tls", "false"}};
    EXPECT_EQ(made(ses_settings(), fields).tls, Tls::StartTls);
    EXPECT_EQ(warnings(ses_settings(), fields), "`use_tls` is false, but SES needs TLS: STARTTLS is required\n");
}

TEST(Ses, TakesAnotherHostWithAWarning)   // a proxy of one's own, and tests
{
    auto settings = ses_settings();
    settings.host = "localhost";
    settings.port = 2587;
    Fields const fields{{"access_key", kUser}, {"secret_key", kKey}, {"region", "eu-west-1"}};
    EXPECT_EQ(made(settings, fields).nexthop(), "[localhost]:2587");
    EXPECT_EQ(warnings(settings, fields),
              "the host localhost is none of SES, which has email-smtp.REGION.amazonaws.com\n");
}

TEST(Regions, AreWellFormedOrNot)
{
    for (auto const region : ses_regions()) EXPECT_TRUE(is_well_formed_region(region)) << region;
    for (auto const* region : {"", "eu", "eu-west", "eu-west-", "eu--1", "-west-1", "EU-WEST-1", "eu-west-1a",
                               "eu west-1", "e-west-1", "eu-west-123"}) {
        EXPECT_FALSE(is_well_formed_region(region)) << region;
    }
}

TEST(SesHosts, AreTakenApart)
{
    EXPECT_EQ(parse_ses_host("email-smtp.us-gov-west-1.amazonaws.com")->region, "us-gov-west-1");
    EXPECT_TRUE(parse_ses_host("email-smtp.cn-north-1.amazonaws.com.cn")->china);
    for (auto const* host :
         {"smtp.eu-west-1.amazonaws.com", "email-smtp.amazonaws.com", "email-smtp.eu-west-1.amazonaws.com.evil.example",
          "email-smtp.ireland.amazonaws.com", "x.email-smtp.eu-west-1.amazonaws.com", "localhost"}) {
        EXPECT_FALSE(parse_ses_host(host)) << host;
    }
}

}   // namespace
}   // namespace mailcore::vault_sync
