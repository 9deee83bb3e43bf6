#include <gtest/gtest.h>

#include "tests/unit/vault-sync/vault/scripted_vault.hpp"

namespace mailcore::vault_sync {
namespace {

using Waits = std::vector<std::int64_t>;
using Words = std::vector<std::string>;

constexpr auto kPath = "GET secret/data/keybuzz/smtp";

// What is told of the transport here shows at a read by a token whose mount is known.
class Transport : public testing::Test {
protected:
    Transport()
    {
        vault.settings.auth.method = "none";
        vault.settings.kv_version = "2";
    }
    std::string read() { return vault.read("secret/keybuzz/smtp", "secret"); }
    ScriptedVault vault;
};

TEST_F(Transport, SendsTheHeadersOfTheOfficialClient)
{
    vault.settings.auth.method = "approle";
    vault.settings.namespace_ = "team/mail";
    vault.settings.address = "https://vault.example:8200/";
    vault.expect_login();
    vault.answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), "host=h;port=587; version 2");
    ASSERT_EQ(vault.requests.size(), 2u);
    EXPECT_EQ(vault.requests[0].url, "https://vault.example:8200/v1/auth/approle/login");
    EXPECT_EQ(vault.requests[0].headers.count("X-Vault-Token"), 0u);
    EXPECT_EQ(vault.requests[0].headers.at("Content-Type"), "application/json");
    auto const& request = vault.requests[1];
    EXPECT_EQ(request.url, "https://vault.example:8200/v1/secret/data/keybuzz/smtp");
    EXPECT_EQ(request.headers.at("X-Vault-Token"), "hvs.login");
    EXPECT_EQ(request.headers.at("X-Vault-Request"), "true");
    EXPECT_EQ(request.headers.at("X-Vault-Namespace"), "team/mail");
    EXPECT_FALSE(request.body);
}

TEST_F(Transport, LeavesOutWhatIsNotSet)
{
    vault.answers(kPath, 200, kSecret);
    read();
    EXPECT_EQ(vault.requests[0].headers.count("X-Vault-Token"), 0u) << "an agent has its own";
    EXPECT_EQ(vault.requests[0].headers.count("X-Vault-Namespace"), 0u);
}

TEST_F(Transport, EncodesPaths)
{
    vault.answers("GET secret/data/a%20b/%C3%A9%3Fx%23y%25", 200, kSecret);
    EXPECT_EQ(vault.read("secret/a b/é?x#y%", "secret"), "host=h;port=587; version 2");
}

TEST_F(Transport, AsksAnAgentBehindASocket)
{
    vault.settings.address = "unix:///run/agent.sock";
    vault.answers(kPath, 200, kSecret);
    read();
    EXPECT_EQ(vault.requests[0].url, "unix:///run/agent.sock:/v1/secret/data/keybuzz/smtp");
}

TEST_F(Transport, TriesAgainWhatMayPass)
{
    vault.fails(kPath, net::HttpFailure::Connect);
    vault.answers(kPath, 503, kSealed);
    vault.answers(kPath, 412, R"({"errors":["required index state not present"]})");
    vault.answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), "host=h;port=587; version 2");
    EXPECT_EQ(vault.waits, (Waits{1250, 2500, 3750})) << "1000 to 1500 ms, more with each try";
}

TEST_F(Transport, WaitsBetweenOneAndOneAndAHalfSeconds)
{
    vault.settings.retries = 1;
    for (auto const& [random, wait] : {std::pair{0.0, 1000}, std::pair{0.999, 1499}}) {
        vault.random = random;
        vault.waits.clear();
        vault.answers(kPath, 503, kSealed).answers(kPath, 200, kSecret);
        read();
        EXPECT_EQ(vault.waits, Waits{wait});
    }
}

TEST_F(Transport, GivesUpAfterItsRetries)
{
    for (int i = 0; i < 4; ++i) vault.answers(kPath, 503, kSealed);
    EXPECT_EQ(read(), "Sealed: https://vault.example:8200 cannot serve now (503): Vault is sealed");
    EXPECT_EQ(vault.waits.size(), 3u);
}

TEST_F(Transport, TriesNotAgainWhatDoesNotPass)
{
    vault.answers(kPath, 501, R"({"errors":["Vault is not initialized"]})");
    EXPECT_EQ(read(), "Sealed: https://vault.example:8200 is not initialised (501): Vault is not initialized");
    vault.answers(kPath, 400, R"({"errors":["invalid"]})");
    EXPECT_EQ(read(), "Malformed: https://vault.example:8200 refused to read secret/data/keybuzz/smtp: invalid");
    EXPECT_TRUE(vault.waits.empty());
}

TEST_F(Transport, StopsWhenToldToWhileWaiting)
{
    vault.stop_after_waits = 1;
    vault.answers(kPath, 503, kSealed);
    EXPECT_EQ(read(), "Sealed: https://vault.example:8200 cannot serve now (503): Vault is sealed");
}

TEST_F(Transport, HonoursRetryAfterWithinBounds)
{
    constexpr auto limited = R"({"errors":["request path \"secret/data/keybuzz/smtp\": rate limit quota exceeded"]})";
    vault.answers(kPath, 429, limited, {{"retry-after", "7"}});
    vault.answers(kPath, 429, limited, {{"retry-after", "99999999"}});
    vault.answers(kPath, 429, limited, {{"retry-after", "Sun, 22 Nov 2026 01:00:00 GMT"}});
    vault.answers(kPath, 429, limited);
    EXPECT_EQ(read(),
              "Sealed: https://vault.example:8200 cannot serve now (429): request path \"secret/data/keybuzz/smtp\": "
              "rate limit quota exceeded");
    EXPECT_EQ(vault.waits, (Waits{7000, 30'000, 3750}));
}

TEST_F(Transport, KnowsEveryFailureOfTheConnection)
{
    struct {
        net::HttpFailure kind;
        int tries;
        char const* told;
    } const cases[]{
        {net::HttpFailure::Connect, 4, "cannot be reached: libcurl's words"},
        {net::HttpFailure::Timeout, 4, "gave no answer in time: libcurl's words"},
        {net::HttpFailure::Cut, 4, "broke off its answer: libcurl's words"},
        {net::HttpFailure::Tls, 1,
         "cannot be trusted: libcurl's words; check vault.ca_cert and the names in the server's certificate"},
        {net::HttpFailure::TooLarge, 1, "answered more than Vault ever does: libcurl's words"},
        {net::HttpFailure::Url, 1, "cannot be asked: libcurl's words; check vault.address"},
    };
    for (auto const& one : cases) {
        for (int i = 0; i < one.tries; ++i) vault.fails(kPath, one.kind);
        EXPECT_EQ(read(), "Unreachable: https://vault.example:8200 " + std::string{one.told});
    }
}

TEST_F(Transport, TellsVaultsWordsFromAProxysPage)
{
    vault.settings.retries = 0;
    struct {
        int status;
        char const* body;
        char const* told;
    } const cases[]{
        {501, R"({"errors":["Vault is not initialized"]})",
         "Sealed: https://vault.example:8200 is not initialised (501): Vault is not initialized"},
        {500, R"({"errors":["internal error"]})",
         "Sealed: https://vault.example:8200 cannot serve now (500): internal error"},
        {502, "<html>Bad Gateway</html>", "Unreachable: https://vault.example:8200 cannot serve now (502)"},
        {503, "", "Unreachable: https://vault.example:8200 cannot serve now (503)"},
        {200, "", "Unreachable: https://vault.example:8200 broke off its answer: it is empty"},
        {200, "<html>Please log in</html>",
         "Unreachable: https://vault.example:8200 answered 200 without Vault's JSON; is a proxy in between?"},
        {200, R"({"data":{"data":{"password":"topsec)",
         "Unreachable: https://vault.example:8200 answered 200 without Vault's JSON; is a proxy in between?"},
        {403, "<html>Forbidden</html>",
         "Unreachable: https://vault.example:8200 answered 403 without Vault's JSON; is a proxy in between?"},
        {404, "404 page not found",
         "Unreachable: https://vault.example:8200 answered 404 without Vault's JSON; is a proxy in between?"},
        {405, R"({"errors":["unsupported operation"]})",
         "Malformed: https://vault.example:8200 refused GET secret/data/keybuzz/smtp (405): unsupported operation"},
        {418, R"({"errors":[]})", "Malformed: https://vault.example:8200 refused GET secret/data/keybuzz/smtp (418)"},
    };
    for (auto const& one : cases) {
        vault.answers(kPath, one.status, one.body);
        EXPECT_EQ(read(), one.told);
    }
}

TEST_F(Transport, SaysThatAServerWantsTls)
{
    vault.settings.address = "http://127.0.0.1:8200";
    vault.answers(kPath, 400, "Client sent an HTTP request to an HTTPS server.\n");
    EXPECT_EQ(read(),
              "Unreachable: http://127.0.0.1:8200 answered 400 without Vault's JSON; if the server wants TLS, write "
              "https:// in vault.address");
}

TEST_F(Transport, TakesAnUpgradeOfTheMountForPassing)
{
    constexpr auto upgrading =
        R"({"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]})";
    vault.answers(kPath, 400, upgrading).answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), "host=h;port=587; version 2");
    vault.settings.retries = 0;
    vault.restart();
    vault.answers(kPath, 400, upgrading);
    EXPECT_EQ(read().substr(0, 96),
              "Sealed: https://vault.example:8200 cannot serve now (400): Upgrading from non-versioned to versi");
}

// ---- redirects

TEST_F(Transport, FollowsOneRedirectWithTheSameMethodBodyAndToken)
{
    vault.settings.auth.method = "approle";
    vault.answers("POST auth/approle/login", 307, "",
                  {{"location", "https://leader.example:8200/v1/auth/approle/login"}});
    vault.expect_login();
    vault.answers(kPath, 307, "", {{"location", "/v1/secret/data/keybuzz/smtp?x=1"}});
    vault.answers("GET secret/data/keybuzz/smtp?x=1", 200, kSecret);
    EXPECT_EQ(read(), "host=h;port=587; version 2");
    EXPECT_EQ(vault.requests[1].url, "https://leader.example:8200/v1/auth/approle/login");
    EXPECT_EQ(vault.requests[1].body, vault.requests[0].body);
    EXPECT_EQ(vault.requests[3].url, "https://vault.example:8200/v1/secret/data/keybuzz/smtp?x=1");
    EXPECT_EQ(vault.requests[3].headers.at("X-Vault-Token"), "hvs.login");
}

TEST_F(Transport, RefusesOtherRedirects)
{
    auto const redirected = [&](std::string const& location, int status = 307) {
        vault.answers(kPath, status, "", {{"location", location}});
        return read();
    };
    EXPECT_EQ(redirected("http://leader.example:8200/v1/secret/data/keybuzz/smtp"),
              "Unreachable: https://vault.example:8200 redirects (307) to http://leader.example:8200: refused, the "
              "token goes by https only");
    EXPECT_EQ(redirected("HTTP://leader/v1/x", 301),
              "Unreachable: https://vault.example:8200 redirects (301) to HTTP://leader: refused, the token goes by "
              "https only");
    EXPECT_EQ(
        redirected("file:///etc/passwd", 302),
        "Unreachable: https://vault.example:8200 redirects (302) to file://: refused, the token goes by https only");
    EXPECT_EQ(redirected("https://u:p@leader/v1/x"),
              "Unreachable: https://vault.example:8200 redirects (307) to https://leader: refused, the token goes by "
              "https only");
    EXPECT_EQ(redirected("//leader/v1/x"), "Unreachable: https://vault.example:8200 redirects (307) to nowhere");
    EXPECT_EQ(redirected(""), "Unreachable: https://vault.example:8200 redirects (307) to nowhere");
    EXPECT_EQ(redirected("https://leader/", 308),
              "Unreachable: https://vault.example:8200 answered 308 without Vault's JSON; is a proxy in between?");
    vault.answers(kPath, 307, "", {{"location", "https://b.example/v1/secret/data/keybuzz/smtp"}});
    EXPECT_EQ(redirected("https://a.example/v1/secret/data/keybuzz/smtp"),
              "Unreachable: https://vault.example:8200 redirects (307) to https://b.example, which redirects again; "
              "name the active server in vault.address");
}

TEST_F(Transport, RefusesEveryRedirectWhenToldTo)
{
    vault.settings.disable_redirects = true;
    vault.answers(kPath, 307, "", {{"location", "https://leader.example:8200/v1/secret/data/keybuzz/smtp"}});
    EXPECT_EQ(read(),
              "Unreachable: https://vault.example:8200 redirects (307), which VAULT_DISABLE_REDIRECTS forbids; name "
              "the active server in vault.address");
}

// ---- words

TEST_F(Transport, ShowsWordsInOneLineWithoutSecrets)
{
    vault.settings.auth.method = "approle";
    vault.expect_login();
    vault.answers(
        kPath, 403,
        R"({"errors":["2 errors occurred:\n\t* permission denied\n\t* token hvs.login is not\u001b[31m welcome\n\n","second"]})");
    EXPECT_EQ(read(),
              "Denied: https://vault.example:8200 denies reading secret/data/keybuzz/smtp: permission denied, token "
              "*** is not?[31m welcome; second"
              "; grant read on it in the policy");
}

TEST_F(Transport, BoundsWords)
{
    vault.answers(kPath, 405, "{\"errors\":[\"" + std::string(100'000, 'x') + "\"]}");
    EXPECT_LT(read().size(), 500u);
}

// ---- addresses

TEST_F(Transport, RefusesWhatIsNoAddress)
{
    struct {
        char const* address;
        char const* told;
    } const cases[]{
        {"vault.example:8200",
         R"(vault.address: "vault.example:8200" is no address of Vault; write https://HOST:PORT, or unix:///PATH for an agent)"},
        {"ftp://vault",
         R"(vault.address: "ftp://vault" is no address of Vault; write https://HOST:PORT, or unix:///PATH for an agent)"},
        {"https://",
         R"(vault.address: "https://" is no address of Vault; write https://HOST:PORT, or unix:///PATH for an agent)"},
        {"https://user:topsecret@vault", "vault.address holds a login; write only https://HOST:PORT"},
        {"https://vault/?x=1", R"(vault.address: "https://vault/?x=1" holds a character that no address has)"},
        {"unix://run/agent", R"(vault.address: "unix://run/agent" names no absolute path; write unix:///PATH)"},
    };
    for (auto const& one : cases) {
        vault.settings.address = one.address;
        EXPECT_EQ(vault.complaint(), one.told);
    }
}

TEST_F(Transport, WarnsOfWhatIsNotProtected)
{
    auto const warned = [&](char const* address) {
        vault.warnings.clear();
        vault.settings.address = address;
        EXPECT_EQ(vault.complaint(), "opened");
        return vault.warnings;
    };
    EXPECT_EQ(warned("http://vault.example:8200"),
              Words{"vault.address http://vault.example:8200 is not encrypted: whoever is on the way reads the token "
                    "and the secrets; use https://"});
    for (auto const* safe : {"http://127.0.0.1:8100", "http://localhost:8100", "http://[::1]:8100",
                             "unix:///run/agent.sock", "https://vault"}) {
        EXPECT_EQ(warned(safe), Words{}) << safe;
    }
    EXPECT_EQ(warned("http://[2001:db8::1]:8200").size(), 1u);
    vault.settings.skip_verify = true;
    EXPECT_EQ(warned("https://vault"),
              Words{"VAULT_SKIP_VERIFY is set: whoever is on the way can pose as Vault; set vault.ca_cert instead"});
}

}   // namespace
}   // namespace mailcore::vault_sync
