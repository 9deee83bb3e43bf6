#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/vault-sync/vault/scripted_vault.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr auto kPath = "GET secret/data/keybuzz/smtp";
constexpr auto kLookup = "GET sys/wrapping/lookup";
constexpr auto kUnwrap = "POST sys/wrapping/unwrap";
constexpr auto kApprole = "POST auth/approle/login";
constexpr auto kMade =
    R"({"data":{"creation_path":"auth/approle/role/smtp/secret-id","creation_time":"2026-11-21T00:00:00Z","creation_ttl":60}})";
constexpr auto kUnwrapped =
    R"({"data":{"secret_id":"secret-unwrapped","secret_id_accessor":"x","secret_id_num_uses":0}})";
constexpr auto kInvalid = R"({"errors":["invalid role or secret ID"]})";
constexpr auto kNotValid = R"({"errors":["wrapping token is not valid or does not exist"]})";

class Login : public testing::Test {
protected:
    Login() { vault.settings.kv_version = "2"; }
    std::string read() { return vault.read("secret/keybuzz/smtp", "secret"); }
    // After a login that went through.
    std::string read_secret()
    {
        vault.answers(kPath, 200, kSecret);
        return read();
    }
    std::string role_id() const { return vault.settings.auth.role_id_file; }
    std::string secret_id() const { return vault.settings.auth.secret_id_file; }
    static constexpr auto kRead = "host=h;port=587; version 2";
    ScriptedVault vault;
};

TEST_F(Login, ByAppRoleSendsTheTrimmedFiles)
{
    vault.files.write("secret-id", "  quote\"d \r\n", 0400);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(vault.requests[0].body, R"({"role_id":"role-1","secret_id":"quote\"d"})");
    EXPECT_EQ(vault.remembered, (Words{"quote\"d", "hvs.login"})) << "told to the redactor";
    EXPECT_EQ(read_secret(), kRead) << "no second login";
}

TEST_F(Login, GoesToTheConfiguredMount)
{
    vault.settings.auth.mount = "approle/mail";
    vault.answers("POST auth/approle/mail/login", 200, kLogin);
    EXPECT_EQ(read_secret(), kRead);
}

TEST_F(Login, ByKubernetesAndJwtReadsTheFileEachTime)
{
    for (auto const* method : {"kubernetes", "jwt"}) {
        vault.restart();
        vault.settings.auth.method = method;
        vault.settings.auth.role = "mail";
        vault.settings.auth.jwt_file = vault.files.write("jwt", "eyJ.first\n", 0644);
        auto const question = "POST auth/" + std::string{method} + "/login";
        vault.answers(question, 200, R"({"auth":{"client_token":"t","lease_duration":60,"renewable":false}})");
        EXPECT_EQ(read_secret(), kRead);
        EXPECT_EQ(vault.requests[vault.requests.size() - 2].body, R"({"role":"mail","jwt":"eyJ.first"})");
        vault.files.write("jwt", "eyJ.second", 0644);
        vault.now += 61s;
        vault.answers(question, 200, kLogin);
        EXPECT_EQ(read_secret(), kRead);
        EXPECT_EQ(vault.requests[vault.requests.size() - 2].body, R"({"role":"mail","jwt":"eyJ.second"})");
    }
}

TEST_F(Login, ByCertificateNamesTheRole)
{
    vault.settings.auth.method = "cert";
    vault.settings.auth.name = "mail";
    vault.settings.client_cert = "/cert";
    vault.answers("POST auth/cert/login", 200, kLogin);
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(vault.requests[0].body, R"({"name":"mail"})");
}

TEST_F(Login, WantsWhatItsMethodNeeds)
{
    auto const complaint = [&](auto change) {
        vault.settings.auth = {};
        vault.settings.client_cert.clear();
        change(vault.settings.auth);
        return vault.complaint();
    };
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "token"; }),
              "vault.auth: method token needs token_file, or VAULT_TOKEN in the environment");
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "kubernetes"; }), "vault.auth: method kubernetes needs role");
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "jwt", auth.role = "r"; }),
              "vault.auth: method jwt needs role and jwt_file");
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "cert"; }),
              "vault.auth: method cert needs vault.client_cert and vault.client_key");
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "ldap"; }),
              "vault.auth: method \"ldap\" is not known; write approle, token, kubernetes, jwt, cert or none");
    EXPECT_EQ(complaint([](auto& auth) { auth.method = "none"; }), "opened");
}

// ---- refusals

TEST_F(Login, TellsWhatToCheckWhenRefused)
{
    vault.answers(kApprole, 400, kInvalid);
    EXPECT_EQ(
        read(),
        "LoginRefused: https://vault.example:8200 refused the login by AppRole: invalid role or secret ID; check " +
            role_id() + " and " + secret_id());
    vault.restart();
    vault.answers(kApprole, 403, kNothing);
    EXPECT_EQ(read(), "LoginRefused: https://vault.example:8200 refused the login by AppRole (403); check " +
                          role_id() + " and " + secret_id());
    vault.restart();
    vault.settings.auth.method = "jwt";
    vault.settings.auth.role = "mail";
    vault.settings.auth.jwt_file = vault.files.write("jwt", "eyJ");
    vault.answers("POST auth/jwt/login", 400, R"({"errors":["error validating token: eyJ is expired"]})");
    EXPECT_EQ(read(),
              "LoginRefused: https://vault.example:8200 refused the login by JWT: error validating token: eyJ is "
              "expired; check " +
                  vault.settings.auth.jwt_file + " and the role \"mail\"");
}

TEST_F(Login, NeverShowsASecretThatTheServerRepeats)
{
    vault.answers(kApprole, 400, R"({"errors":["no such secret_id: secret-1"]})");
    EXPECT_EQ(read(),
              "LoginRefused: https://vault.example:8200 refused the login by AppRole: no such secret_id: ***; check " +
                  role_id() + " and " + secret_id());
}

// A secret_id may have a number of uses, and Vault may lock out: no hot retry, but a new one is tried at once.
TEST_F(Login, AsksNotAgainWithWhatWasRefusedForAWhile)
{
    auto const refused =
        "LoginRefused: https://vault.example:8200 refused the login by AppRole: invalid role or secret ID; check " +
        role_id() + " and " + secret_id();
    vault.answers(kApprole, 400, kInvalid);
    EXPECT_EQ(read(), refused);
    EXPECT_EQ(read(), refused) << "as remembered";
    vault.now += 1s;
    vault.answers(kApprole, 400, kInvalid);
    EXPECT_EQ(read(), refused);
    vault.now += 1s;
    EXPECT_EQ(read(), refused) << "two seconds now";
    vault.now += 1s;
    vault.answers(kApprole, 400, kInvalid);
    EXPECT_EQ(read(), refused);
    vault.files.write("secret-id", "secret-2");
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
}

TEST_F(Login, WaitsNoLongerThanFiveMinutes)
{
    for (int i = 0; i < 12; ++i) {
        vault.answers(kApprole, 400, kInvalid);
        read();
        vault.now += 300s;
    }
}

TEST_F(Login, TakesAnotherAnswerForNone)
{
    vault.answers(kApprole, 200, R"({"auth":null})");
    EXPECT_EQ(read(), "Malformed: https://vault.example:8200 answered the login without a token");
    vault.answers(kApprole, 403, "<html>");
    EXPECT_EQ(read(),
              "Unreachable: https://vault.example:8200 answered 403 without Vault's JSON; is a proxy in between?");
}

TEST_F(Login, RefusesFilesThatOthersCanRead)
{
    for (mode_t const mode : {0640u, 0604u, 0620u, 0644u}) {
        vault.files.write("secret-id", "s", mode);
        EXPECT_EQ(read(), "NoCredentials: " + secret_id() + " is accessible to others; chmod 0600 " + secret_id());
    }
    vault.files.write("secret-id", "s");
    vault.files.write("role-id", "r", 0644);
    EXPECT_EQ(read(), "NoCredentials: " + role_id() + " is accessible to others; chmod 0600 " + role_id());
}

TEST_F(Login, RefusesAFileOfAnotherUser)
{
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    ASSERT_EQ(::chown(secret_id().c_str(), 65'534, 0), 0);
    EXPECT_EQ(read(), "NoCredentials: " + secret_id() + " belongs to another user; chown root " + secret_id());
}

TEST_F(Login, SaysWhichFileIsMissingEmptyOrOdd)
{
    std::filesystem::remove(role_id());
    EXPECT_EQ(read(), "NoCredentials: cannot open " + role_id() + ": No such file or directory");
    vault.files.write("role-id", "\n");
    EXPECT_EQ(read(), "NoCredentials: " + role_id() + " is empty; write the role_id of the AppRole into it");
    vault.files.write("role-id", "a\nb");
    EXPECT_EQ(read(), "NoCredentials: " + role_id() + " holds a character that no credential has; write it anew");
    vault.files.write("role-id", "role-1");
    vault.files.write("secret-id", " \n");
    EXPECT_EQ(read(), "NoCredentials: " + secret_id() +
                          " is empty, and no secret_id is kept from before; write a new one into it");
    std::filesystem::remove(secret_id());
    EXPECT_EQ(read(), "NoCredentials: cannot open " + secret_id() + ": there is none, and none is kept from before");
}

TEST_F(Login, TakesTheKeptSecretIdForAnEmptyOrRemovedFile)
{
    vault.kept["hash"] = "secret-kept";
    vault.files.write("secret-id", "");
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(vault.requests[0].body, R"({"role_id":"role-1","secret_id":"secret-kept"})");
    vault.restart();
    std::filesystem::remove(secret_id());
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
}

TEST_F(Login, RemovesThePlainFileOnlyAfterKeepingItEncrypted)
{
    vault.settings.auth.remove_secret_id_file = true;
    vault.keeping_fails = "no key for the cache";
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_TRUE(std::filesystem::exists(secret_id()));
    EXPECT_EQ(vault.warnings,
              Words{"the secret_id could not be kept: no key for the cache; after a restart a new one is needed in " +
                    secret_id()});
    vault.restart();
    vault.keeping_fails = "";
    vault.answers(kApprole, 400, kInvalid);
    read();
    EXPECT_TRUE(std::filesystem::exists(secret_id())) << "a mistyped one stays for its owner to see";
    vault.restart();
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_FALSE(std::filesystem::exists(secret_id()));
    EXPECT_EQ(vault.kept.at(""), "secret-1");
}

// ---- wrapped

class WrappedLogin : public Login {
protected:
    WrappedLogin()
    {
        vault.settings.auth.wrapped = true;
        vault.files.write("secret-id", "hvs.wrapping\n");
    }
};

TEST_F(WrappedLogin, UnwrapsOnceAndKeeps)
{
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 200, kUnwrapped);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(vault.requests[0].headers.at("X-Vault-Token"), "hvs.wrapping");
    EXPECT_EQ(vault.requests[1].headers.at("X-Vault-Token"), "hvs.wrapping");
    EXPECT_FALSE(vault.requests[1].body) << "token and body would be two uses";
    EXPECT_EQ(vault.requests[2].body, R"({"role_id":"role-1","secret_id":"secret-unwrapped"})");
    EXPECT_EQ(vault.remembered, (Words{"hvs.wrapping", "secret-unwrapped", "hvs.login"}));
    ASSERT_EQ(vault.kept.size(), 1u);
    auto const [hash, secret] = *vault.kept.begin();
    EXPECT_EQ(secret, "secret-unwrapped");
    EXPECT_EQ(hash.size(), 64u);
    EXPECT_EQ(hash.find("hvs"), std::string::npos);

    vault.restart();   // a new process finds the same token in the file
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(vault.requests.back().url.find("wrapping"), std::string::npos);
}

TEST_F(WrappedLogin, UnwrapsANewTokenAnew)
{
    vault.kept["hash of an older token"] = "secret-older";
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 200, kUnwrapped);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
}

TEST_F(WrappedLogin, GoesOnWithoutAPlaceToKeepIt)
{
    vault.settings.auth.remove_secret_id_file = true;
    vault.keeping_fails = "disk full";
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 200, kUnwrapped);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_EQ(
        vault.warnings,
        Words{"the secret_id could not be kept: disk full; after a restart a new one is needed in " + secret_id()});
    EXPECT_TRUE(std::filesystem::exists(secret_id()));
    vault.now += 3601s;
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead) << "this process still knows it";
}

TEST_F(WrappedLogin, RemovesTheFileAfterKeeping)
{
    vault.settings.auth.remove_secret_id_file = true;
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 200, kUnwrapped);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
    EXPECT_FALSE(std::filesystem::exists(secret_id()));
    vault.restart();
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead) << "the kept one serves";
}

TEST_F(WrappedLogin, AlarmsWhenTheTokenWasMadeElsewhere)
{
    auto const tampered = [&](std::string const& creation_path) {
        vault.restart();
        vault.answers(kLookup, 200, R"({"data":{"creation_path":")" + creation_path + "\"}}");
        return read();
    };
    for (auto const* path :
         {"cubbyhole/response", "auth/approle/role/smtp/secret-id/lookup", "auth/approle/role/a/b/secret-id",
          "auth/other/role/smtp/secret-id", "auth/approle/role//secret-id", "sys/wrapping/wrap"}) {
        EXPECT_EQ(tampered(path), "Tampered: " + secret_id() + ": the wrapping token was made by " + path +
                                      ", not by auth/approle/role/ROLE/secret-id: somebody may have exchanged it; find "
                                      "out who before writing a new one");
    }
    vault.settings.auth.role = "mail";
    EXPECT_EQ(tampered("auth/approle/role/smtp/secret-id"),
              "Tampered: " + secret_id() +
                  ": the wrapping token was made by auth/approle/role/smtp/secret-id, not by "
                  "auth/approle/role/mail/secret-id: "
                  "somebody may have exchanged it; find out who before writing a new one");
}

TEST_F(WrappedLogin, AlarmsWhenSomebodyElseUnwrappedIt)
{
    auto const alarm =
        "Tampered: " + secret_id() +
        ": the wrapping token is not valid (wrapping token is not valid or does not exist), and vault-sync never "
        "unwrapped it: it has expired, or somebody else has the secret_id; destroy that secret_id, find out who, and "
        "write a new wrapped one";
    vault.answers(kLookup, 400, kNotValid);
    EXPECT_EQ(read(), alarm);
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 400, kNotValid);   // between the two questions
    EXPECT_EQ(read(), alarm);
}

// The server may have spent the token before the line broke: asking again would look like a theft.
TEST_F(WrappedLogin, NeverUnwrapsTwice)
{
    vault.answers(kLookup, 200, kMade).fails(kUnwrap, net::HttpFailure::Timeout, "30 s");
    EXPECT_EQ(read(), "Unreachable: https://vault.example:8200 gave no answer in time: 30 s");
    vault.answers(kLookup, 400, kNotValid);
    EXPECT_EQ(
        read(),
        "LoginRefused: " + secret_id() +
            ": the wrapping token is spent (wrapping token is not valid or does not exist): the answer to our own "
            "unwrapping was lost; write a new wrapped secret_id into it");
}

TEST_F(WrappedLogin, TriesAgainWhereTheServerCannotHaveHeard)
{
    vault.answers(kLookup, 200, kMade)
        .fails(kUnwrap, net::HttpFailure::Connect)
        .answers(kUnwrap, 503, kSealed)
        .answers(kUnwrap, 200, kUnwrapped);
    vault.expect_login();
    EXPECT_EQ(read_secret(), kRead);
}

TEST_F(WrappedLogin, RefusesAnotherWrappedThing)
{
    vault.answers(kLookup, 200, kMade).answers(kUnwrap, 200, R"({"data":{"password":"x"}})");
    EXPECT_EQ(read(), "Malformed: " + secret_id() +
                          ": what the wrapping token held is no secret_id; write a new wrapped one into it");
}

}   // namespace
}   // namespace mailcore::vault_sync
