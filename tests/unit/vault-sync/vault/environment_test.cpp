#include "vault-sync/vault/environment.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono_literals;

// Each test starts without any of the variables, and leaves none.
class VaultVariables : public testing::Test {
protected:
    VaultVariables() { clear(); }
    ~VaultVariables() override { clear(); }

    static void clear()
    {
        for (auto const* prefix : {"VAULT_", "BAO_"}) {
            for (auto const* name :
                 {"ADDR", "AGENT_ADDR", "TOKEN", "TOKEN_PATH", "CACERT", "CACERT_BYTES", "CAPATH", "CLIENT_CERT",
                  "CLIENT_KEY", "CLIENT_CERT_BYTES", "CLIENT_KEY_BYTES", "TLS_SERVER_NAME", "SKIP_VERIFY", "NAMESPACE",
                  "CLIENT_TIMEOUT", "MAX_RETRIES", "PROXY_ADDR", "HTTP_PROXY", "DISABLE_REDIRECTS"}) {
                ::unsetenv((std::string{prefix} + name).c_str());
            }
        }
    }
    static void set(std::string const& name, std::string const& value) { ::setenv(name.c_str(), value.c_str(), 1); }

    static VaultSettings filled(VaultSettings settings = {})
    {
        auto const done = fill_from_environment(settings);
        EXPECT_TRUE(done) << done.error().message;
        return settings;
    }
    static std::string complaint(VaultSettings settings = {})
    {
        auto const done = fill_from_environment(settings);
        if (done) return "fine";
        EXPECT_EQ(done.error().kind, base::ErrorKind::Configuration);
        return done.error().message;
    }
};

TEST_F(VaultVariables, NoneGivesTheDefaults)
{
    auto const settings = filled();
    EXPECT_EQ(settings.address, "https://127.0.0.1:8200");
    EXPECT_EQ(settings.timeout, 10s);
    EXPECT_EQ(settings.retries, 3);
    EXPECT_FALSE(settings.skip_verify);
    EXPECT_FALSE(settings.is_agent);
    EXPECT_TRUE(settings.token.empty());
}

TEST_F(VaultVariables, FillWhatIsNotConfigured)
{
    set("VAULT_ADDR", "https://vault.example:8200");
    set("VAULT_NAMESPACE", "team");
    set("VAULT_TLS_SERVER_NAME", "vault.internal");
    set("VAULT_SKIP_VERIFY", "true");
    set("VAULT_DISABLE_REDIRECTS", "1");
    set("VAULT_PROXY_ADDR", "http://proxy:3128");
    set("VAULT_HTTP_PROXY", "http://other:3128");
    set("VAULT_MAX_RETRIES", "0");
    auto const settings = filled();
    EXPECT_EQ(settings.address, "https://vault.example:8200");
    EXPECT_EQ(settings.namespace_, "team");
    EXPECT_EQ(settings.server_name, "vault.internal");
    EXPECT_TRUE(settings.skip_verify);
    EXPECT_TRUE(settings.disable_redirects);
    EXPECT_EQ(settings.proxy, "http://proxy:3128");
    EXPECT_EQ(settings.retries, 0);
}

TEST_F(VaultVariables, NeverWinOverTheConfiguration)
{
    set("VAULT_ADDR", "https://other:8200");
    set("VAULT_AGENT_ADDR", "http://127.0.0.1:8100");
    set("VAULT_NAMESPACE", "other");
    set("VAULT_CACERT", "/other.pem");
    set("VAULT_CAPATH", "/others");
    set("VAULT_CLIENT_CERT", "/other-cert");
    set("VAULT_CLIENT_KEY", "/other-key");
    set("VAULT_CLIENT_TIMEOUT", "99");
    set("VAULT_MAX_RETRIES", "9");
    VaultSettings configured;
    configured.address = "https://vault.example:8200";
    configured.namespace_ = "team";
    configured.ca_cert = "/ca.pem";
    configured.client_cert = "/cert";
    configured.client_key = "/key";
    configured.timeout = 5s;
    configured.retries = 0;
    auto const settings = filled(std::move(configured));
    EXPECT_EQ(settings.address, "https://vault.example:8200");
    EXPECT_FALSE(settings.is_agent);
    EXPECT_EQ(settings.namespace_, "team");
    EXPECT_EQ(settings.ca_cert, "/ca.pem");
    EXPECT_EQ(settings.ca_path, "");
    EXPECT_EQ(settings.client_cert, "/cert");
    EXPECT_EQ(settings.timeout, 5s);
    EXPECT_EQ(settings.retries, 0);
}

TEST_F(VaultVariables, OfBaoWinEvenWhenEmpty)
{
    set("VAULT_ADDR", "https://vault:8200");
    set("BAO_ADDR", "https://bao:8200");
    set("VAULT_NAMESPACE", "vault");
    set("BAO_NAMESPACE", "");
    auto const settings = filled();
    EXPECT_EQ(settings.address, "https://bao:8200");
    EXPECT_EQ(settings.namespace_, "");
}

TEST_F(VaultVariables, PreferTheAgent)
{
    set("VAULT_ADDR", "https://vault:8200");
    set("VAULT_AGENT_ADDR", "http://127.0.0.1:8100");
    auto const settings = filled();
    EXPECT_EQ(settings.address, "http://127.0.0.1:8100");
    EXPECT_TRUE(settings.is_agent);
}

TEST_F(VaultVariables, NameTrustInOneOrder)
{
    set("VAULT_CAPATH", "/directory");
    EXPECT_EQ(filled().ca_path, "/directory");
    set("VAULT_CACERT_BYTES", "-----BEGIN CERTIFICATE-----");
    EXPECT_EQ(filled().ca_pem, "-----BEGIN CERTIFICATE-----");
    EXPECT_EQ(filled().ca_path, "");
    set("VAULT_CACERT", "/ca.pem");
    EXPECT_EQ(filled().ca_cert, "/ca.pem");
    EXPECT_EQ(filled().ca_pem, "");
}

TEST_F(VaultVariables, WantACertificateWithItsKey)
{
    set("VAULT_CLIENT_CERT", "/cert");
    EXPECT_EQ(complaint(), "VAULT_CLIENT_CERT is set without VAULT_CLIENT_KEY; set both or none");
    set("BAO_CLIENT_KEY", "/key");
    EXPECT_EQ(filled().client_cert, "/cert");
    EXPECT_EQ(filled().client_key, "/key");
    ::unsetenv("VAULT_CLIENT_CERT");
    EXPECT_EQ(complaint(), "BAO_CLIENT_KEY is set without VAULT_CLIENT_CERT; set both or none");
}

TEST_F(VaultVariables, TakeAPrivateKeyOutOfTheEnvironment)
{
    set("VAULT_CLIENT_CERT_BYTES", "certificate");
    EXPECT_EQ(complaint(), "VAULT_CLIENT_CERT_BYTES is set without VAULT_CLIENT_KEY_BYTES; set both or none");
    set("VAULT_CLIENT_KEY_BYTES", "key");
    auto const settings = filled();
    EXPECT_EQ(settings.client_cert_pem, "certificate");
    EXPECT_EQ(settings.client_key_pem, "key");
    EXPECT_EQ(std::getenv("VAULT_CLIENT_KEY_BYTES"), nullptr);
}

TEST_F(VaultVariables, TakeTimesAsGoWritesThem)
{
    struct {
        char const* text;
        config::Duration time;
    } const cases[]{{"60", 60s},      {"60s", 60s},     {"1m", 1min}, {"1m30s", 90s},
                    {"1.5s", 1500ms}, {"250ms", 250ms}, {"0", 10s}};
    for (auto const& one : cases) {
        set("VAULT_CLIENT_TIMEOUT", one.text);
        EXPECT_EQ(filled().timeout, one.time) << one.text;
    }
    for (auto const* bad : {"soon", "-1", "10 s", "1m30", "s", "nan", "inf"}) {
        set("VAULT_CLIENT_TIMEOUT", bad);
        EXPECT_EQ(complaint(), "VAULT_CLIENT_TIMEOUT: \"" + std::string{bad} +
                                   "\" is not a time; write seconds, or a number and s or m, as in 60s");
    }
}

TEST_F(VaultVariables, RefuseWhatTheOfficialClientRefuses)
{
    set("VAULT_SKIP_VERIFY", "perhaps");
    EXPECT_EQ(complaint(), "VAULT_SKIP_VERIFY: \"perhaps\" is not true or false");
    set("VAULT_SKIP_VERIFY", "f");
    EXPECT_FALSE(filled().skip_verify);
    for (auto const* bad : {"-1", "many", "3x", "101"}) {
        set("VAULT_MAX_RETRIES", bad);
        EXPECT_EQ(complaint(), "VAULT_MAX_RETRIES: \"" + std::string{bad} + "\" is not a number from 0 to 100");
    }
}

TEST_F(VaultVariables, GiveTheTokenOnce)
{
    set("VAULT_TOKEN", "hvs.vault\n");
    EXPECT_EQ(filled().token.reveal(), "hvs.vault");
    EXPECT_EQ(std::getenv("VAULT_TOKEN"), nullptr);
    EXPECT_TRUE(filled().token.empty());

    set("VAULT_TOKEN", "hvs.vault");
    set("BAO_TOKEN", "s.bao");
    EXPECT_EQ(filled().token.reveal(), "s.bao");
    EXPECT_EQ(std::getenv("VAULT_TOKEN"), nullptr) << "the one that does not count is taken out, too";
    EXPECT_EQ(std::getenv("BAO_TOKEN"), nullptr);
}

TEST_F(VaultVariables, RefuseATokenThatCannotStandInAHeader)
{
    set("VAULT_TOKEN", "hvs.topsecret\nX: y");
    EXPECT_EQ(complaint(), "VAULT_TOKEN holds a character that no token has; write it anew");
    EXPECT_EQ(std::getenv("VAULT_TOKEN"), nullptr);
}

TEST_F(VaultVariables, TakeTheTokenOutEvenIfAnotherIsRefused)
{
    set("VAULT_SKIP_VERIFY", "perhaps");
    set("VAULT_TOKEN", "hvs.vault");
    EXPECT_NE(complaint(), "fine");
    EXPECT_EQ(std::getenv("VAULT_TOKEN"), nullptr);
}

TEST_F(VaultVariables, NameAnotherPlaceOfTheToken)
{
    set("BAO_TOKEN_PATH", "/run/token");
    EXPECT_EQ(filled().auth.token_file, "/run/token");
    set("VAULT_TOKEN", "hvs.vault");
    EXPECT_EQ(filled().auth.token_file, "");
}

}   // namespace
}   // namespace mailcore::vault_sync
