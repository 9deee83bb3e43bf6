// make_relay(): what people store, and what Postfix cannot carry. Presets and SES have tests of their own.
#include <gtest/gtest.h>

#include "tests/unit/vault-sync/relay/records.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr char const* kPin = "sha256:00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";

TEST(Secret, OfTheDocumentsIsARelayWithoutLogin)
{
    auto const relay = made(relay_settings(), {{"host", "10.0.0.160"},
                                               {"port", "25"},
                                               {"user", ""},
                                               {"password", ""},
                                               {"from", "amazon@inbound.keybuzz.io"}});
    EXPECT_EQ(relay.nexthop(), "[10.0.0.160]:25");
    EXPECT_EQ(relay.tls, Tls::None);
    EXPECT_FALSE(relay.has_login());
    EXPECT_EQ(relay.from, "amazon@inbound.keybuzz.io");
}

TEST(Secret, WithTheNamesOfApplications)
{
    auto const relay = made(relay_settings(), {{"host", "SMTP.Gmail.com"},
                                               {"port", "587"},
                                               {"username", "your-email@gmail.com"},
                                               {"password", "abcdefghijklmnop"},
                                               {"use_tls", "true"},
                                               {"default_from", "noreply@yourdomain.com"}});
    EXPECT_EQ(relay.nexthop(), "[smtp.gmail.com]:587");
    EXPECT_EQ(relay.user, "your-email@gmail.com");
    EXPECT_EQ(relay.password.reveal(), "abcdefghijklmnop");
    EXPECT_EQ(relay.tls, Tls::StartTls);
    EXPECT_EQ(relay.from, "noreply@yourdomain.com");
}

TEST(Secret, RemembersWhereItCameFrom)
{
    auto record = record_of({{"host", "h.example"}, {"user", "u"}, {"password", "p"}});
    record.version = 12;
    record.source = Source::Cache;
    auto const made = make_relay(relay_settings(), record);
    ASSERT_TRUE(made);
    auto const& relay = made->relay;
    EXPECT_EQ(relay.path, "secret/keybuzz/smtp");
    EXPECT_EQ(relay.version, 12u);
    EXPECT_EQ(relay.source, Source::Cache);
}

TEST(Settings, AreStrongerThanTheSecret)
{
    auto settings = relay_settings();
    settings.host = "Other.Example";
    settings.port = 2587;
    settings.from = "a@b.example";
    settings.helo = "me.example";
    settings.ca_file = "/etc/ssl/relay.pem";
    auto const relay = made(
        settings, {{"host", "h.example"}, {"port", "25"}, {"user", "u"}, {"password", "p"}, {"from", "x@y.example"}});
    EXPECT_EQ(relay.nexthop(), "[other.example]:2587");
    EXPECT_EQ(relay.from, "a@b.example");
    EXPECT_EQ(relay.helo, "me.example");
    EXPECT_EQ(relay.ca_file, "/etc/ssl/relay.pem");
}

// ---- hosts and ports

TEST(Host, MayBeWrittenInSeveralWays)
{
    auto const host = [](char const* written) {
        return made(relay_settings(), {{"host", written}, {"user", "u"}, {"password", "p"}}).host;
    };
    EXPECT_EQ(host("[Mail.Example]"), "mail.example");
    EXPECT_EQ(host("mail.example."), "mail.example");
    EXPECT_EQ(host("bücher.example"), "xn--bcher-kva.example");
    EXPECT_EQ(host("2001:DB8::1"), "2001:db8::1");
    EXPECT_EQ(host("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(host("relay"), "relay");
}

TEST(Host, ThatIsNoneIsRefused)
{
    auto const words = [](char const* written) {
        return refusal(relay_settings(), {{"host", written}, {"user", "u"}, {"password", "p"}});
    };
    EXPECT_EQ(words("mail.example:587"),
              "the host \"mail.example:587\" is no domain name and no address; write the port into the field `port`");
    EXPECT_EQ(words("mail example"), "the host \"mail example\" is no domain name and no address");
    EXPECT_EQ(
        words("smtp://mail.example"),
        "the host \"smtp://mail.example\" is no domain name and no address; write the port into the field `port`");
    EXPECT_EQ(words("mail\"x"), "the host \"mail\"x\" is no domain name and no address");
    EXPECT_EQ(words(" mail.example"), "the host \" mail.example\" is no domain name and no address");
    EXPECT_EQ(words(""),
              "the field `host` is missing (it has host, password, user); add it, or say `host` in vault-sync.yaml");
}

TEST(Port, IsATextOrANumberInAText)
{
    EXPECT_EQ(made(relay_settings(), {{"host", "h"}, {"port", "2587"}, {"user", "u"}, {"password", "p"}}).port, 2587);
    for (auto const* port : {"0", "65536", "-1", "587 ", "0x24b", "587.0", "smtp", "5e2"}) {
        EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"port", port}, {"user", "u"}, {"password", "p"}}),
                  "the field `port` is no port; write a number from 1 to 65535")
            << port;
    }
}

TEST(Port, FollowsFromTheKindOfTlsWhereThereIsNone)
{
    auto const port = [](Fields const& fields) { return made(relay_settings(), fields).port; };
    EXPECT_EQ(port({{"host", "h"}, {"user", "u"}, {"password", "p"}}), 587);
    EXPECT_EQ(port({{"host", "h"}, {"user", "u"}, {"password", "p"}, {"port", ""}}), 587);
    EXPECT_EQ(port({{"host", "h"}, {"user", "u"}, {"password", "p"}, {"use_ssl", "true"}}), 465);
    EXPECT_EQ(port({{"host", "h"}, {"user", "u"}, {"password", "p"}, {"ssl", "true"}}), 465);
    EXPECT_EQ(port({{"host", "h"}, {"user", ""}, {"password", ""}, {"use_tls", "false"}}), 25);
}

// ---- TLS: the contract's rules for auto, row by row

struct TlsCase {
    char const* port;
    char const* use_tls;   // "" = not there
    char const* use_ssl;
    bool pinned;
    Tls expected;
};

TEST(AutomaticTls, IsAsTheContractSays)
{
    TlsCase const cases[] = {
        {"465", "", "", false, Tls::Wrapper},     {"2465", "", "", false, Tls::Wrapper},
        {"465", "true", "", false, Tls::Wrapper}, {"465", "false", "", false, Tls::Wrapper},
        {"8465", "", "1", false, Tls::Wrapper},   {"25", "", "yes", false, Tls::Wrapper},
        {"25", "true", "", false, Tls::StartTls}, {"25", "", "", true, Tls::StartTls},
        {"587", "", "", false, Tls::StartTls},    {"2587", "", "false", false, Tls::StartTls},
        {"25", "", "", false, Tls::None},         {"25", "no", "", false, Tls::None},
        {"587", "false", "", false, Tls::None},   {"25", "false", "", true, Tls::StartTls},
    };
    for (auto const& each : cases) {
        auto settings = relay_settings();
        if (each.pinned) settings.fingerprint = {{kPin}};
        auto record = record_of({{"host", "h"}, {"user", ""}, {"password", ""}, {"port", each.port}});
        if (*each.use_tls) record.fields.emplace("use_tls", base::Secret{each.use_tls});
        if (*each.use_ssl) record.fields.emplace("use_ssl", base::Secret{each.use_ssl});
        auto const made = make_relay(settings, record);
        ASSERT_TRUE(made);
        EXPECT_EQ(made->relay.tls, each.expected)
            << each.port << ' ' << each.use_tls << ' ' << each.use_ssl << ' ' << each.pinned;
    }
}

TEST(Tls, OfTheSettingsIsStrongerThanTheSecret)
{
    auto settings = relay_settings();
    Fields const fields{{"host", "h"}, {"port", "10025"}, {"user", ""}, {"password", ""}, {"use_tls", "true"}};
    for (auto const& [written, expected] :
         {std::pair{"none", Tls::None}, {"starttls", Tls::StartTls}, {"wrapper", Tls::Wrapper}}) {
        settings.tls = written;
        EXPECT_EQ(made(settings, fields).tls, expected);
    }
    settings.tls = "none";
    EXPECT_EQ(warnings(settings, fields), "the secret asks for TLS, but tls is none in vault-sync.yaml\n");
}

TEST(Tls, OfBothKindsAtOnceIsRefused)
{
    EXPECT_EQ(refusal(relay_settings(),
                      {{"host", "h"}, {"user", "u"}, {"password", "p"}, {"use_tls", "true"}, {"use_ssl", "true"}}),
              "`use_tls` and `use_ssl` are both true, but a connection has one kind of TLS: use_tls for STARTTLS "
              "(587), use_ssl for TLS "
              "from the first byte (465)");
}

TEST(Tls, ThatIsUnusualForThePortIsWarnedOf)
{
    auto settings = relay_settings();
    settings.tls = "starttls";
    EXPECT_EQ(warnings(settings, {{"host", "h"}, {"port", "465"}, {"user", "u"}, {"password", "p"}}),
              "port 465 usually begins with TLS, but tls is starttls\n");
    EXPECT_EQ(warnings(relay_settings(),
                       {{"host", "h"}, {"port", "587"}, {"user", "u"}, {"password", "p"}, {"use_ssl", "true"}}),
              "port 587 usually begins without TLS, but `use_ssl` is true\n");
}

TEST(Password, IsNotSentInClear)
{
    Fields const fields{{"host", "h"}, {"port", "25"}, {"user", "u"}, {"password", "hunter2"}};
    EXPECT_EQ(refusal(relay_settings(), fields),
              "the password would cross the network without TLS, where anybody on the way can read it; use a port with "
              "TLS (587, 465), or "
              "write `plaintext: allow` for a network that is yours");
    auto settings = relay_settings();
    settings.plaintext = "allow";
    EXPECT_EQ(made(settings, fields).password.reveal(), "hunter2");
    EXPECT_EQ(
        warnings(settings, fields),
        "the password would cross the network without TLS, where anybody on the way can read it (plaintext: allow)\n");
}

TEST(Fingerprint, IsNormalised)
{
    auto settings = relay_settings();
    settings.fingerprint = {{kPin}};
    EXPECT_EQ(made(settings, {{"host", "h"}, {"user", "u"}, {"password", "p"}}).fingerprints,
              std::vector<std::string>{"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"});
}

// ---- names of fields

TEST(Synonyms, MayStandTogetherWhenTheyAgree)
{
    EXPECT_EQ(made(relay_settings(), {{"host", "h"},
                                      {"user", "u"},
                                      {"username", "u"},
                                      {"password", "p"},
                                      {"use_tls", "true"},
                                      {"starttls", "1"}})
                  .user,
              "u");
}

TEST(Synonyms, ThatDifferAreRefusedWithoutTheirValues)
{
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", "one"}, {"username", "two"}, {"password", "p"}}),
              "the fields `user` and `username` are two names of one thing and differ; remove one of them");
    EXPECT_EQ(refusal(relay_settings(),
                      {{"host", "h"}, {"user", "u"}, {"password", "p"}, {"tls", "yes"}, {"starttls", "no"}}),
              "the fields `tls` and `starttls` are two names of one thing and differ; remove one of them");
    EXPECT_EQ(
        refusal(ses_settings(),
                {{"access_key", "A"}, {"secret_key", "one"}, {"secret_access_key", "two"}, {"region", "eu-west-1"}}),
        "the fields `secret_key` and `secret_access_key` are two names of one thing and differ; remove one of them");
}

TEST(Booleans, MustBeTrueOrFalse)
{
    for (auto const* word : {"TRUE", "Yes", "1", "false", "NO", "0", ""}) {
        EXPECT_EQ(refusal(relay_settings(),
                          {{"host", "h"}, {"port", "587"}, {"user", ""}, {"password", ""}, {"use_tls", word}}),
                  "taken")
            << word;
    }
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", ""}, {"password", ""}, {"use_ssl", "perhaps"}}),
              "the field `use_ssl` is neither true nor false");
}

TEST(MissingFields, AreNamedWithWhatIsThere)
{
    EXPECT_EQ(refusal(relay_settings(), {{"smtp_host", "h"}, {"pass", "hunter2"}}),
              "the field `host` is missing (it has pass, smtp_host); add it, or say `host` in vault-sync.yaml");
    EXPECT_EQ(refusal(relay_settings(), {}),
              "the field `host` is missing (it is empty); add it, or say `host` in vault-sync.yaml");
}

TEST(Login, MustNotVanishByMistake)   // `vault kv put` with only some of the fields replaces all of them
{
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"port", "587"}}),
              "the field `user` is missing (it has host, port); for a relay without login store `user` and `password` "
              "as empty texts");
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", ""}}),
              "the field `password` is missing (it has host, user); for a relay without login store `user` and "
              "`password` as empty texts");
}

TEST(Login, MayBeAbsentInTheEnvironment)
{
    auto const made = make_relay(relay_settings(), record_of({{"host", "h"}, {"port", "25"}}, Source::Environment));
    ASSERT_TRUE(made);
    EXPECT_FALSE(made->relay.has_login());
}

TEST(Login, HasBothPartsOrNone)
{
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", "u"}, {"password", ""}}),
              "there is a user without a password; both empty would mean no authentication");
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", "u"}}),
              "there is a user without a password; both empty would mean no authentication");
    EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"password", "p"}}),
              "there is a password without a user; both empty would mean no authentication");
}

// ---- what Postfix cannot carry

TEST(Unfit, UsersAreRefused)
{
    auto const words = [](std::string const& user) {
        return refusal(relay_settings(), {{"host", "h"}, {"user", user}, {"password", "p"}});
    };
    EXPECT_EQ(words("user:hunter2"), "the user holds a colon, where Postfix would take the password to begin");
    EXPECT_EQ(words(" user"), "the user begins or ends with a blank, which Postfix would drop");
    EXPECT_EQ(words("user "), "the user begins or ends with a blank, which Postfix would drop");
    EXPECT_EQ(words("us\ner"),
              "the field `user` holds a control character, perhaps a newline at its end; store it without");
    EXPECT_EQ(words("us\xFF"
                    "er"),
              "the field `user` is not UTF-8; Postfix drops such a line");
}

TEST(Unfit, PasswordsAreRefusedWithoutBeingShown)
{
    auto const words = [](std::string const& password) {
        return refusal(relay_settings(), {{"host", "h"}, {"user", "u"}, {"password", password}});
    };
    std::string const control =
        "the field `password` holds a control character, perhaps a newline at its end; store it without";
    for (auto const& password :
         {std::string{"hunter2\n"}, std::string{"hun\rter2"}, std::string{"hun\0ter2", 8}, std::string{"hun\x7Fter2"},
          std::string{"hun\tter2"}, std::string{"hun\xC2\x85ter2"}}) {
        EXPECT_EQ(words(password), control);
    }
    EXPECT_EQ(words("hunter2 "), "the password begins or ends with a blank, which Postfix would drop");
    EXPECT_EQ(words(" hunter2"), "the password begins or ends with a blank, which Postfix would drop");
    EXPECT_EQ(words("hunter\xC3"), "the field `password` is not UTF-8; Postfix drops such a line");
}

TEST(Fit, PasswordsHoldWhatTheyLike)   // measured with postmap on 3.7.11
{
    for (auto const* password : {"a:b", "#x", "\\", "\"quoted\"", "a b  c", "ü€😀", "$1", "<x", "*", "%s"}) {
        EXPECT_EQ(made(relay_settings(), {{"host", "h"}, {"user", "u"}, {"password", password}}).password.reveal(),
                  password);
    }
}

TEST(Placeholders, AreNoValues)
{
    struct {
        char const* value;
        char const* shown;
    } const cases[] = {{"<no value>", "<no value>"},
                       {"<nil>", "<nil>"},
                       {"map[a:b]", "map["},
                       {"{{ .Data }}", "{{"},
                       {"<AWS_SECRET_KEY>", "<…>"}};
    for (auto const& [value, shown] : cases) {
        EXPECT_EQ(refusal(relay_settings(), {{"host", "h"}, {"user", "u"}, {"password", value}}),
                  "the field `password` holds a placeholder (" + std::string{shown} + ") instead of a value");
    }
}

TEST(Sender, ThatIsNoAddressIsLeftOutWithAWarning)
{
    Fields const fields{{"host", "h"}, {"user", "u"}, {"password", "p"}, {"from", "KeyBuzz"}};
    EXPECT_EQ(made(relay_settings(), fields).from, "");
    EXPECT_EQ(warnings(relay_settings(), fields), "the sender `from` \"KeyBuzz\" is no address\n");
}

TEST(Errors, HoldNoSecret)
{
    // Each of these is refused for another field than the one that is secret.
    for (auto const& fields :
         {Fields{{"host", "a b"}, {"user", "u"}, {"password", "hunter2"}}, Fields{{"password", "hunter2"}},
          Fields{{"host", "h"}, {"port", "x"}, {"password", "hunter2"}, {"secret_key", "hunter2"}},
          Fields{{"host", "h"}, {"user", "a:hunter2"}, {"password", "hunter2"}}}) {
        EXPECT_EQ(refusal(relay_settings(), fields).find("hunter2"), std::string::npos);
        EXPECT_NE(refusal(relay_settings(), fields), "taken");
    }
}

}   // namespace
}   // namespace mailcore::vault_sync
