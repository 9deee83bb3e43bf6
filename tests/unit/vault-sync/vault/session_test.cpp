#include <gtest/gtest.h>

#include "tests/unit/vault-sync/vault/scripted_vault.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr auto kPath = "GET secret/data/keybuzz/smtp";
constexpr auto kLookupSelf = "GET auth/token/lookup-self";
constexpr auto kRenewSelf = "POST auth/token/renew-self";
constexpr auto kRevokeSelf = "POST auth/token/revoke-self";
constexpr auto kApprole = "POST auth/approle/login";
constexpr auto kRead = "host=h;port=587; version 2";
constexpr auto kReadDenied =
    "Denied: https://vault.example:8200 denies reading secret/data/keybuzz/smtp: permission denied; grant read on it "
    "in the policy";

std::string login(std::string const& token, int lease, bool renewable = true, std::string const& type = "service")
{
    return R"({"auth":{"client_token":")" + token + R"(","token_type":")" + type + R"(","lease_duration":)" +
           std::to_string(lease) + R"(,"renewable":)" + (renewable ? "true" : "false") + "}}";
}
std::string renewed(int lease, bool renewable = true) { return login("", lease, renewable); }

class Session : public testing::Test {
protected:
    Session() { vault.settings.kv_version = "2"; }
    std::string read() { return vault.read("secret/keybuzz/smtp", "secret"); }
    std::string used_token() const { return vault.requests.back().headers.at("X-Vault-Token"); }
    void log_in(std::string const& answer)
    {
        vault.answers(kApprole, 200, answer).answers(kPath, 200, kSecret);
        EXPECT_EQ(read(), kRead);
    }
    ScriptedVault vault;
};

// ---- 403

TEST_F(Session, LogsInAnewWhenAReadIsDeniedAndReadsAgain)
{
    log_in(login("hvs.old", 3600));
    vault.answers(kPath, 403, kDenied)
        .answers(kApprole, 200, login("hvs.new", 3600))
        .answers(kRevokeSelf, 403, kDenied)
        .answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
    EXPECT_EQ(used_token(), "hvs.new");
    EXPECT_EQ(vault.requests[vault.requests.size() - 2].headers.at("X-Vault-Token"), "hvs.old")
        << "revokes the old one, should it live";
}

TEST_F(Session, TakesASecondDenialForThePolicyAndRemembersIt)
{
    log_in(login("hvs.1", 3600));
    vault.answers(kPath, 403, kDenied)
        .answers(kApprole, 200, login("hvs.2", 3600))
        .answers(kRevokeSelf, 204, "")
        .answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied);
    vault.now += 300s;
    vault.answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied) << "no further login";
    vault.now += 300s;
    vault.answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead) << "the policy was mended";
    vault.now += 3001s;   // the token has ended: a new login anyway, and its denial is new
    vault.answers(kApprole, 200, login("hvs.3", 3600)).answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied) << "fresh: no newer token can be had";
    vault.answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied);
}

// Two denied paths must not make each other forget: that would be two logins a pass, for ever.
TEST_F(Session, RemembersEachDeniedPathByItself)
{
    log_in(login("hvs.1", 3600));
    vault.answers(kPath, 403, kDenied)
        .answers(kApprole, 200, login("hvs.2", 3600))
        .answers(kRevokeSelf, 204, "")
        .answers(kPath, 403, kDenied);
    read();
    vault.answers("GET secret/data/b", 403, kDenied)
        .answers(kApprole, 200, login("hvs.3", 3600))
        .answers(kRevokeSelf, 204, "")
        .answers("GET secret/data/b", 403, kDenied);
    vault.read("secret/b", "secret");
    for (int pass = 0; pass < 3; ++pass) {
        vault.now += 300s;
        vault.answers(kPath, 403, kDenied).answers("GET secret/data/b", 403, kDenied);
        read();
        vault.read("secret/b", "secret");
    }
}

// The memory ends with the token that was denied, even if another path's read had the next one.
TEST_F(Session, ForgetsADenialWithItsToken)
{
    vault.answers(kApprole, 200, login("hvs.1", 3600)).answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied);
    vault.now += 3600s;
    vault.answers(kApprole, 200, login("hvs.2", 3600)).answers("GET secret/data/b", 200, kSecret);
    EXPECT_EQ(vault.read("secret/b", "secret"), kRead);
    vault.answers(kPath, 403, kDenied)
        .answers(kApprole, 200, login("hvs.3", 3600))
        .answers(kRevokeSelf, 204, "")
        .answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
}

TEST_F(Session, TellsOfARefusedLoginAfterADenial)
{
    log_in(login("hvs.1", 3600));
    vault.answers(kPath, 403, kDenied).answers(kApprole, 400, R"({"errors":["invalid role or secret ID"]})");
    EXPECT_TRUE(read().starts_with(
        "LoginRefused: https://vault.example:8200 refused the login by AppRole: invalid role or secret ID"));
}

TEST_F(Session, LogsInWhenTheLeaseHasEnded)
{
    log_in(login("hvs.1", 60));
    vault.now += 60s;
    log_in(login("hvs.2", 60));
    EXPECT_EQ(used_token(), "hvs.2");
}

TEST_F(Session, LeavesAnAgentsDenialAlone)
{
    vault.settings.auth.method = "none";
    vault.answers(kPath, 403, kDenied);
    EXPECT_EQ(read(), kReadDenied);
    EXPECT_EQ(vault.client().token_left(vault.now), std::nullopt);
}

TEST_F(Session, WarnsOfTokensWithANumberOfUses)
{
    log_in(R"({"auth":{"client_token":"t","lease_duration":60,"renewable":true,"num_uses":10}})");
    EXPECT_EQ(
        vault.warnings,
        Words{"the role's tokens may be used 10 times only, and each call counts; set the role's token_num_uses to 0"});
}

// ---- a given token

std::string self(std::string const& more)
{
    return R"({"data":{"type":"service","policies":["default","smtp"],)" + more + "}}";
}

class GivenToken : public Session {
protected:
    GivenToken() { vault.use_given_token(); }
    Words warned(std::string const& looked_up)
    {
        vault.restart();
        vault.warnings.clear();
        vault.answers(kLookupSelf, 200, looked_up).answers(kPath, 200, kSecret);
        EXPECT_EQ(read(), kRead);
        return vault.warnings;
    }
};

TEST_F(GivenToken, IsLookedUpOnceAndUsed)
{
    EXPECT_EQ(warned(self(R"("ttl":2764790,"expire_time":"2026-12-23T00:00:00Z","renewable":true,"num_uses":0)")),
              Words{});
    EXPECT_EQ(used_token(), "hvs.given");
    EXPECT_EQ(vault.client().token_left(vault.now + 90s), 2'764'700s);
    vault.answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
    EXPECT_EQ(vault.remembered, Words{"hvs.given"});
}

TEST_F(GivenToken, IsWarnedOf)
{
    EXPECT_EQ(
        warned(
            R"({"data":{"type":"service","policies":["root"],"ttl":0,"expire_time":null,"renewable":false,"num_uses":0}})"),
        Words{"VAULT_TOKEN is a root token: give vault-sync one with a policy for its own paths"});
    EXPECT_EQ(warned(self(R"("ttl":0,"expire_time":null,"renewable":false)")),
              Words{"VAULT_TOKEN never ends: give vault-sync one that does, or a login by AppRole"});
    EXPECT_EQ(warned(self(R"("ttl":18100,"renewable":false)")), Words{"VAULT_TOKEN ends in 5h; have a new one ready"});
    EXPECT_EQ(warned(self(R"("ttl":59,"renewable":true)")),
              Words{"VAULT_TOKEN ends in 59s unless it is renewed; have a new one ready"});
    EXPECT_EQ(
        warned(self(R"("ttl":864000,"renewable":true,"num_uses":12)")),
        Words{"VAULT_TOKEN may be used 12 times more, and each call counts; give vault-sync one without num_uses"});
}

TEST_F(GivenToken, NeedNotBeAllowedToLookItselfUp)
{
    vault.answers(kLookupSelf, 403, kDenied).answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
}

TEST_F(GivenToken, ThatIsDeadIsALoginRefused)
{
    vault.answers(kLookupSelf, 403, kDenied).answers(kPath, 403, kDenied).answers(kLookupSelf, 403, kDenied);
    EXPECT_EQ(read(),
              "LoginRefused: https://vault.example:8200 denies secret/keybuzz/smtp and the token itself: it has ended, "
              "was revoked, or lacks the "
              "default policy; give vault-sync a new VAULT_TOKEN");
}

TEST_F(GivenToken, ThatLivesIsDeniedByThePolicy)
{
    auto const living = self(R"("ttl":864000,"renewable":true)");
    vault.answers(kLookupSelf, 200, living).answers(kPath, 403, kDenied).answers(kLookupSelf, 200, living);
    EXPECT_EQ(read(), kReadDenied);
}

TEST_F(GivenToken, IsReadAgainFromItsFile)
{
    auto const living = self(R"("ttl":864000,"renewable":true)");
    vault.settings.auth.token_file = vault.files.write("token", "hvs.one\n", 0640);   // the mode of an agent's sink
    vault.answers(kLookupSelf, 200, living).answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
    EXPECT_EQ(used_token(), "hvs.one");
    vault.files.write("token", "hvs.two\n", 0640);
    vault.answers(kLookupSelf, 200, living).answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
    EXPECT_EQ(used_token(), "hvs.two");
    auto const& file = vault.settings.auth.token_file;
    vault.answers(kPath, 403, kDenied).answers(kLookupSelf, 403, kDenied);
    EXPECT_EQ(read(),
              "LoginRefused: https://vault.example:8200 denies secret/keybuzz/smtp and the token itself: it has ended, "
              "was revoked, or lacks the "
              "default policy; write a new one into " +
                  file);
    vault.files.write("token", "", 0600);
    EXPECT_EQ(read(), "NoCredentials: " + file + " is empty; it should hold a token");
    vault.files.write("token", "hvs.three", 0644);
    EXPECT_EQ(read(), "NoCredentials: " + file + " is accessible to everybody; chmod 0600 " + file);
}

TEST_F(GivenToken, IsNeverRevoked)
{
    vault.answers(kLookupSelf, 200, self(R"("ttl":864000,"renewable":true)")).answers(kPath, 200, kSecret);
    read();
    vault.client().revoke_own_token();
}

TEST_F(GivenToken, IsRenewedWhileItGrows)
{
    vault.answers(kLookupSelf, 200, self(R"("ttl":86400,"renewable":true)")).answers(kPath, 200, kSecret);
    read();
    vault.now += std::chrono::seconds{vault.next()};
    vault.answers(kRenewSelf, 200, renewed(172'800));
    EXPECT_EQ(vault.keep_alive(), "fine");
    EXPECT_EQ(vault.client().token_left(vault.now), 172'800s);
    vault.now += std::chrono::seconds{vault.next()};
    vault.answers(kRenewSelf, 200, renewed(7200));
    EXPECT_EQ(vault.keep_alive(), "fine");
    EXPECT_EQ(vault.warnings, Words{"the token can no longer be renewed: it ends in 2h; have a new one ready"});
    EXPECT_EQ(vault.next(), -1);
}

// ---- renewal

TEST_F(Session, RenewsAtTwoThirdsAndAThirdOfTheGrace)
{
    for (auto const& [random, due] : {std::pair{0.0, 2520}, std::pair{1.0, 2640}}) {   // 2400 + 120, 2400 + 240
        vault.restart();
        vault.random = random;
        log_in(login("hvs.1", 3600));
        EXPECT_EQ(vault.next(), due);
    }
}

TEST_F(Session, RenewsWhenDueNotBefore)
{
    log_in(login("hvs.1", 3600));
    auto const due = vault.client().next_renewal().value();
    vault.now = due - 1s;
    EXPECT_EQ(vault.keep_alive(), "fine") << "without a question";
    vault.now = due;
    vault.answers(kRenewSelf, 200, renewed(3600));
    EXPECT_EQ(vault.keep_alive(), "fine");
    EXPECT_EQ(vault.requests.back().headers.at("X-Vault-Token"), "hvs.1");
    EXPECT_EQ(vault.client().token_left(vault.now), 3600s);
    EXPECT_EQ(vault.client().next_renewal(), due + 2580s);
}

// As seen on Vault with token_max_ttl 10 s: leases 5, 5, 4 and then 403.
TEST_F(Session, LogsInAnewWhenTheLeaseStopsGrowing)
{
    log_in(login("hvs.1", 5));
    EXPECT_EQ(vault.next(), 3);
    vault.now += 3s;
    vault.answers(kRenewSelf, 200, renewed(5));
    EXPECT_EQ(vault.keep_alive(), "fine");
    vault.now += 3s;
    vault.answers(kRenewSelf, 200, renewed(4)).answers(kApprole, 200, login("hvs.2", 5)).answers(kRevokeSelf, 204, "");
    EXPECT_EQ(vault.keep_alive(), "fine");
    EXPECT_EQ(vault.client().token_left(vault.now), 5s);
    EXPECT_EQ(vault.next(), 3);
}

TEST_F(Session, KeepsTheOldTokenWhileTheNewLoginFails)
{
    vault.settings.retries = 0;
    log_in(login("hvs.1", 3600));
    vault.now = vault.client().next_renewal().value();
    vault.answers(kRenewSelf, 200, renewed(1800)).answers(kApprole, 503, kSealed);
    EXPECT_EQ(vault.keep_alive(), "Sealed: https://vault.example:8200 cannot serve now (503): Vault is sealed");
    EXPECT_EQ(vault.client().token_left(vault.now), 1800s);
    vault.answers(kPath, 200, kSecret);
    EXPECT_EQ(read(), kRead);
    EXPECT_EQ(used_token(), "hvs.1");
    vault.now = vault.client().next_renewal().value();
    vault.answers(kApprole, 200, login("hvs.2", 3600)).answers(kRevokeSelf, 204, "");
    EXPECT_EQ(vault.keep_alive(), "fine");
}

TEST_F(Session, BacksOffDoublingToFiveMinutes)
{
    vault.settings.retries = 0;
    vault.random = 0;
    log_in(login("hvs.1", 36'000));
    vault.now = vault.client().next_renewal().value();
    for (int const pause : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
        vault.answers(kRenewSelf, 503, kSealed);
        EXPECT_EQ(vault.keep_alive(), "Sealed: https://vault.example:8200 cannot serve now (503): Vault is sealed");
        EXPECT_EQ(vault.next(), pause);
        vault.now += std::chrono::seconds{pause};
    }
    vault.answers(kRenewSelf, 200, renewed(36'000));
    EXPECT_EQ(vault.keep_alive(), "fine");
    vault.now = vault.client().next_renewal().value();
    vault.answers(kRenewSelf, 503, kSealed);
    vault.keep_alive();
    EXPECT_EQ(vault.next(), 1) << "from the start again";
}

TEST_F(Session, TakesADeniedRenewalForATokenThatCannotBeRenewed)
{
    log_in(login("hvs.1", 3600));
    vault.now = vault.client().next_renewal().value();
    vault.answers(kRenewSelf, 403, kDenied);
    EXPECT_EQ(vault.keep_alive(), "fine");
    EXPECT_EQ(vault.next(), 3600 - 2580 - 540) << "a grace before its end";
    vault.now = vault.client().next_renewal().value();
    vault.answers(kApprole, 200, login("hvs.2", 3600)).answers(kRevokeSelf, 204, "");
    EXPECT_EQ(vault.keep_alive(), "fine");
}

TEST_F(Session, NeitherRenewsNorRevokesBatchTokens)
{
    log_in(login("hvb.1", 3600, true, "batch"));
    EXPECT_EQ(vault.next(), 3600 - 540);
    vault.now = vault.client().next_renewal().value();
    vault.answers(kApprole, 200, login("hvb.2", 3600, false, "batch"));
    EXPECT_EQ(vault.keep_alive(), "fine");
    vault.client().revoke_own_token();
}

TEST_F(Session, HasNothingToRenewWithoutALease)
{
    EXPECT_EQ(vault.keep_alive(), "fine") << "no token yet";
    log_in(login("hvs.1", 0));
    EXPECT_EQ(vault.next(), -1);
    EXPECT_EQ(vault.client().token_left(vault.now), std::nullopt);
}

// ---- the end of a one-shot run

TEST_F(Session, RevokesItsOwnToken)
{
    log_in(login("hvs.1", 3600));
    vault.answers(kRevokeSelf, 204, "");
    vault.client().revoke_own_token();
    EXPECT_EQ(used_token(), "hvs.1");
    EXPECT_EQ(vault.warnings, Words{});
    vault.client().revoke_own_token();
    log_in(login("hvs.2", 3600));
}

TEST_F(Session, OnlyWarnsWhenRevokingFails)
{
    log_in(login("hvs.1", 3600));
    vault.answers(kRevokeSelf, 403, kDenied);
    vault.client().revoke_own_token();
    log_in(login("hvs.2", 3600));
    vault.fails(kRevokeSelf, net::HttpFailure::Connect, "refused");
    vault.client().revoke_own_token();
    EXPECT_EQ(vault.warnings,
              (Words{"https://vault.example:8200 refused to revoke the token: permission denied; grant update on "
                     "auth/token/revoke-self",
                     "the token was not revoked: https://vault.example:8200 cannot be reached: refused"}));
    EXPECT_TRUE(vault.waits.empty()) << "tried once";
}

// ---- transit

TEST_F(Session, EncryptsAndDecrypts)
{
    vault.expect_login();
    vault.answers("POST transit/encrypt/cache", 200, R"({"data":{"ciphertext":"vault:v1:abc","key_version":1}})");
    EXPECT_EQ(vault.client().encrypt("cache", base::Secret{"data key"}, "host a").value(), "vault:v1:abc");
    EXPECT_EQ(vault.requests.back().body, R"({"plaintext":"ZGF0YSBrZXk=","associated_data":"aG9zdCBh"})");
    vault.answers("POST transit/decrypt/cache", 200, R"({"data":{"plaintext":"ZGF0YSBrZXk="}})");
    EXPECT_EQ(vault.client().decrypt("cache", "vault:v1:abc", "host a").value().reveal(), "data key");
    EXPECT_EQ(vault.requests.back().body, R"({"ciphertext":"vault:v1:abc","associated_data":"aG9zdCBh"})");
}

TEST_F(Session, TellsWhyTransitDoesNot)
{
    auto const decrypted = [&](int status, std::string_view body) {
        vault.answers("POST transit/decrypt/cache", status, body);
        auto const text = vault.client().decrypt("cache", "vault:v1:abc", "");
        return text ? std::string{"decrypted"} : ScriptedVault::told(text.error());
    };
    vault.expect_login();
    EXPECT_EQ(
        decrypted(400, R"({"errors":["cipher: message authentication failed"]})"),
        "Malformed: https://vault.example:8200 refused transit/decrypt/cache: cipher: message authentication failed");
    EXPECT_EQ(decrypted(404, kNothing), "NotFound: https://vault.example:8200 has no transit/decrypt/cache (404)");
    EXPECT_EQ(decrypted(200, R"({"data":{}})"),
              "Malformed: https://vault.example:8200 answered transit/decrypt/cache without a plaintext");
    EXPECT_EQ(decrypted(200, R"({"data":{"plaintext":"!"}})"),
              "Malformed: https://vault.example:8200 answered transit/decrypt/cache without a plaintext");
    vault.restart();
    vault.expect_login();
    EXPECT_EQ(decrypted(403, kDenied),
              "Denied: https://vault.example:8200 denies transit/decrypt/cache: permission denied; grant update on it "
              "in the policy");
}

}   // namespace
}   // namespace mailcore::vault_sync
