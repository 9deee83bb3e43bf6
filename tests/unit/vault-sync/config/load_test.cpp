#include <cstdlib>
#include <gtest/gtest.h>

#include "tests/unit/core/config/files.hpp"
#include "vault-sync/config/load.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono_literals;

Settings loaded(std::string const& text)
{
    config::Diagnostics problems;
    auto settings = load_settings_text("t.yaml", text, problems);
    EXPECT_EQ(problems.text(), "");
    return settings;
}

std::string problems_of(std::string const& text)
{
    config::Diagnostics problems;
    load_settings_text("t.yaml", text, problems);
    return problems.text();
}

TEST(Load, TakesTheContractsExample)
{
    config::Diagnostics problems;
    auto const settings = load_settings(std::string{TESTDATA} + "/vault-sync/contract.yaml", problems);
    EXPECT_EQ(problems.text(), "");
    ASSERT_EQ(settings.relays.size(), 2u);
    EXPECT_EQ(settings.relay("ses")->kind, "ses");
    EXPECT_EQ(settings.relay("primary")->secret, "secret/keybuzz/smtp");
    EXPECT_EQ(settings.relay("nobody"), nullptr);
    EXPECT_EQ(settings.active.value, "primary");
    EXPECT_EQ(settings.fallback.front().value, "ses");
    EXPECT_EQ(settings.routes.at("@inbound.keybuzz.io").value, "ses");
    EXPECT_EQ(settings.transports.at("example.net").value, "primary");
    EXPECT_EQ(settings.vault.retries, 3);
    EXPECT_EQ(settings.vault.timeout, 10s);
    EXPECT_EQ(settings.verify.window, 60s);
    EXPECT_EQ(settings.metrics.listen.value, "inet:127.0.0.1:9464");
}

TEST(Load, TakesTheInstalledExample)
{
    config::Diagnostics problems;
    auto const settings = load_settings(std::string{ETC} + "/mailcore/vault-sync.yaml", problems);
    EXPECT_EQ(problems.text(), "");
    EXPECT_EQ(settings.active.value, "primary");
    EXPECT_EQ(settings.relay("primary")->fingerprint.size(), 1u);
    EXPECT_EQ(settings.relay("ses")->kind, "ses");
}

TEST(Load, NeedsTwoKeysOnly)
{
    auto const settings = loaded("relays: {primary: {secret: secret/smtp}}\nactive: primary");
    EXPECT_EQ(settings.mode, "production");
    EXPECT_EQ(settings.vault.address, "");   // VAULT_ADDR may fill it
    EXPECT_EQ(settings.vault.timeout, 0s);   // VAULT_CLIENT_TIMEOUT
    EXPECT_EQ(settings.vault.retries, -1);   // VAULT_MAX_RETRIES
    EXPECT_EQ(settings.output.directory, "/etc/postfix/mailcore");
    EXPECT_EQ(settings.relay("primary")->tls, "auto");
}

TEST(Load, TellsZeroRetriesFromNone)
{
    EXPECT_EQ(loaded("relays: {a: {secret: s/a}}\nactive: a\nvault: {retries: 0}").vault.retries, 0);
}

TEST(Load, SaysThatAFileIsNotThere)
{
    config::Diagnostics problems;
    load_settings("/nonexistent/vault-sync.yaml", problems);
    EXPECT_EQ(problems.text(), "/nonexistent/vault-sync.yaml: cannot read: No such file or directory\n");
}

TEST(Routes, AreKeptAsPostfixComparesThem)
{
    auto const settings = loaded(
        "relays: {a: {secret: s/a}}\nactive: a\n"
        "routes: {\"@KeyBuzz.IO\": a, Amazon@Inbound.KeyBuzz.io: a, \"@bücher.example\": a}\n"
        "transports: {Example.NET: a}");
    EXPECT_EQ(settings.routes.size(), 3u);
    EXPECT_TRUE(settings.routes.contains("@keybuzz.io"));
    EXPECT_TRUE(settings.routes.contains("amazon@inbound.keybuzz.io"));
    EXPECT_TRUE(settings.routes.contains("@xn--bcher-kva.example"));
    EXPECT_TRUE(settings.transports.contains("example.net"));
}

TEST(Preset, OfSesIsAKind)
{
    EXPECT_EQ(loaded("relays: {a: {secret: s/a, preset: ses}}\nactive: a").relay("a")->kind, "ses");
}

TEST(SecretOfTheActiveRelay, MayComeFromTheEnvironment)
{
    constexpr char const* text = "relays: {a: {}}\nactive: a";
    ::unsetenv("SMTP_VAULT_PATH");
    EXPECT_NE(problems_of(text).find("warning: relays.a: the key \"secret\" is missing; SMTP_VAULT_PATH"),
              std::string::npos);
    ::setenv("SMTP_VAULT_PATH", "secret/smtp", 1);
    EXPECT_EQ(problems_of(text), "");
    ::unsetenv("SMTP_VAULT_PATH");
}

TEST(SameEndpoint, IsFineWithOneSecret)
{
    EXPECT_EQ(problems_of("relays:\n"
                          "  a: {secret: secret/smtp, host: h.example, port: 587}\n"
                          "  b: {secret: secret/data/smtp, host: H.example, port: 587}\n"
                          "active: a"),
              "");
}

TEST(SameEndpoint, IsNoneOnAnotherPort)
{
    EXPECT_EQ(problems_of("relays:\n"
                          "  a: {secret: secret/a, host: h.example, port: 587}\n"
                          "  b: {secret: secret/b, host: h.example, port: 2587}\n"
                          "active: a"),
              "");
}

TEST(Wrapper, MayBePinned)
{
    EXPECT_EQ(problems_of("relays: {a: {secret: secret/a, tls: wrapper, port: 465, fingerprint: "
                          "[\"sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:"
                          "BB:CC:DD:EE:FF\"]}}\n"
                          "active: a"),
              "");
}

TEST(Hosts, OfChinaAndWithoutRegionCheckAreTaken)
{
    EXPECT_EQ(
        problems_of("relays:\n"
                    "  a: {secret: secret/a, kind: ses, host: email-smtp.cn-north-1.amazonaws.com.cn}\n"
                    "  b: {secret: secret/b, kind: ses, host: email-smtp.ap-south-2.amazonaws.com, region_check: off}\n"
                    "active: a"),
        "");
}

TEST(VaultAddress, OfThisHostMayBeHttp)
{
    for (auto const* address : {"http://127.0.0.1:8200", "http://localhost:8200", "http://[::1]:8200",
                                "unix:/run/agent.sock", "https://vault.example"}) {
        EXPECT_EQ(problems_of("relays: {a: {secret: secret/a}}\nactive: a\nvault: {address: \"" + std::string{address} +
                              "\"}"),
                  "")
            << address;
    }
}

}   // namespace
}   // namespace mailcore::vault_sync
