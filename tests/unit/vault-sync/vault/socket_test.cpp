// The client over real sockets, against a server that misbehaves. What each status means is transport_test.cpp's.
#include <gtest/gtest.h>

#include "tests/unit/vault-sync/vault/misbehaving_vault.hpp"
#include "tests/unit/vault-sync/vault/scripted_vault.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono_literals;

struct Outcome {
    std::string told;   // the port as PORT
    std::size_t asked;
    std::vector<std::int64_t> waits;
    std::chrono::milliseconds took;
};

std::string without_port(std::string text, std::string const& address)
{
    auto const port = address.substr(address.rfind(':') + 1);
    for (auto at = text.find(port); at != std::string::npos; at = text.find(port, at))
        text.replace(at, port.size(), "PORT");
    return text;
}

Outcome read_from(MisbehavingVault const& server, int retries = 0)
{
    VaultSettings settings;
    settings.address = server.address();
    settings.auth.method = "none";
    settings.kv_version = "1";
    settings.timeout = 400ms;
    settings.retries = retries;
    Outcome outcome{};
    VaultEnvironment environment;
    environment.wait = [&](std::chrono::milliseconds time) {
        outcome.waits.push_back(time.count());
        return true;
    };
    auto client = VaultClient::open(settings, std::move(environment));
    EXPECT_TRUE(client) << client.error().message;
    auto const start = std::chrono::steady_clock::now();
    auto const record = client->read("secret/smtp", "");
    outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    outcome.told = record ? "read " + std::string{record->fields.begin()->second.reveal()}
                          : without_port(ScriptedVault::told(record.error()), server.address());
    outcome.asked = server.asked();
    return outcome;
}

Outcome read_from(std::vector<Misbehaviour> answers, int retries = 0)
{
    MisbehavingVault const server{std::move(answers)};
    return read_from(server, retries);
}

std::string const kGood = http(200, R"({"data":{"host":"h"}})");

TEST(VaultSocket, ReadsAWellFormedAnswer)
{
    EXPECT_EQ(read_from({{kGood}}).told, "read h");
    EXPECT_EQ(read_from({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: "
                          "close\r\n\r\na\r\n{\"data\":{\"\r\nb\r\nhost\":\"h\"}}\r\n0\r\n\r\n"}})
                  .told,
              "read h");
}

TEST(VaultSocket, GivesUpOnASilentServer)
{
    auto const outcome = read_from({{kGood, 5s}});
    EXPECT_TRUE(outcome.told.starts_with("Unreachable: http://127.0.0.1:PORT gave no answer in time: "))
        << outcome.told;
    EXPECT_LT(outcome.took, 2s);
}

// Each byte comes in time, the answer does not: the deadline is for all of it.
TEST(VaultSocket, GivesUpOnATrickle)
{
    auto const outcome = read_from({{kGood, 0ms, 30ms}});
    EXPECT_TRUE(outcome.told.starts_with("Unreachable: http://127.0.0.1:PORT gave no answer in time: "))
        << outcome.told;
    EXPECT_LT(outcome.took, 2s);
}

TEST(VaultSocket, TakesACutAnswerForNone)
{
    for (auto const& bytes : {kGood.substr(0, kGood.size() - 3), kGood.substr(0, 20), std::string{}}) {
        auto const outcome = read_from({{bytes}});
        EXPECT_TRUE(outcome.told.starts_with("Unreachable: http://127.0.0.1:PORT ")) << outcome.told;
        EXPECT_EQ(outcome.asked, 1u);
    }
}

TEST(VaultSocket, TriesAgainAfterACutAnswer)
{
    auto const outcome = read_from({{""}, {kGood.substr(0, kGood.size() - 3)}, {kGood}}, 3);
    EXPECT_EQ(outcome.told, "read h");
    EXPECT_EQ(outcome.waits.size(), 2u);
}

TEST(VaultSocket, TakesOtherTextsForNoAnswer)
{
    constexpr auto told =
        "Unreachable: http://127.0.0.1:PORT answered 200 without Vault's JSON; if the server wants TLS, write https:// "
        "in vault.address";
    EXPECT_EQ(read_from({{http(200, "<html><body>Login</body></html>")}}).told, told);
    EXPECT_EQ(read_from({{http(200, R"({"data":{"host":"h"})")}}).told, told);
    EXPECT_EQ(read_from({{http(200, std::string{"{\"data\":{\"host\":\"h\"}}\0{}", 24})}}).told, told);
    EXPECT_TRUE(
        read_from({{"220 smtp.example.net ESMTP\r\n"}}).told.starts_with("Unreachable: http://127.0.0.1:PORT "));
}

TEST(VaultSocket, TakesNoAnswerWithoutEnd)
{
    auto const outcome = read_from({{http(200, "{\"data\":{\"host\":\"" + std::string(2u << 20u, 'x') + "\"}}")}}, 3);
    EXPECT_TRUE(outcome.told.starts_with("Unreachable: http://127.0.0.1:PORT answered more than Vault ever does: "))
        << outcome.told;
    EXPECT_EQ(outcome.asked, 1u) << "it would be as large again";
}

TEST(VaultSocket, FollowsOneRedirectOfALoop)
{
    auto const loop = http(307, "", "Location: /v1/secret/smtp\r\n");
    auto const outcome = read_from({{loop}, {loop}, {loop}, {kGood}}, 3);
    EXPECT_EQ(outcome.told,
              "Unreachable: http://127.0.0.1:PORT redirects (307) to http://127.0.0.1:PORT, which redirects again; "
              "name the active server in "
              "vault.address");
    EXPECT_EQ(outcome.asked, 2u);
    EXPECT_EQ(read_from({{loop}, {kGood}}).told, "read h");
}

TEST(VaultSocket, FollowsToAnotherServer)
{
    MisbehavingVault const leader{{{kGood}}};
    MisbehavingVault const standby{{{http(307, "", "Location: " + leader.address() + "/v1/secret/smtp\r\n")}}};
    EXPECT_EQ(read_from(standby).told, "read h");
    EXPECT_EQ(leader.asked(), 1u);
}

TEST(VaultSocket, FollowsToNoOtherScheme)
{
    auto const outcome = read_from({{http(302, "", "Location: file:///etc/passwd\r\n")}, {kGood}});
    EXPECT_EQ(outcome.told,
              "Unreachable: http://127.0.0.1:PORT redirects (302) to file://: refused, the token goes by http only");
    EXPECT_EQ(outcome.asked, 1u);
}

TEST(VaultSocket, HonoursRetryAfter)
{
    auto const outcome = read_from({{http(429, R"({"errors":["rate limit"]})", "Retry-After: 4\r\n")},
                                    {http(412, R"({"errors":["not yet"]})")},
                                    {http(503, R"({"errors":["Vault is sealed"]})")},
                                    {kGood}},
                                   3);
    EXPECT_EQ(outcome.told, "read h");
    ASSERT_EQ(outcome.waits.size(), 3u);
    EXPECT_EQ(outcome.waits[0], 4000);
    EXPECT_GE(outcome.waits[1], 2000);
    EXPECT_LE(outcome.waits[1], 3000);
}

TEST(VaultSocket, SaysThatVaultIsSealed)
{
    auto const sealed = http(503, R"({"errors":["Vault is sealed"]})");
    auto const outcome = read_from({{sealed}, {sealed}}, 1);
    EXPECT_EQ(outcome.told, "Sealed: http://127.0.0.1:PORT cannot serve now (503): Vault is sealed");
    EXPECT_EQ(outcome.asked, 2u);
}

TEST(VaultSocket, SaysThatNobodyIsThere)
{
    VaultSettings settings;
    settings.address = "https://127.0.0.1:1";
    settings.auth.method = "none";
    settings.timeout = 400ms;
    settings.retries = 0;
    auto client = VaultClient::open(settings, {});
    ASSERT_TRUE(client) << client.error().message;
    auto const record = client->read("secret/smtp", "");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().kind, VaultFailure::Unreachable);
    EXPECT_TRUE(record.error().message.starts_with("https://127.0.0.1:1 cannot be reached: "))
        << record.error().message;
}

TEST(VaultSocket, SaysThatTheServerSpeaksNoTls)
{
    MisbehavingVault const server{{{kGood}}};
    VaultSettings settings;
    settings.address = "https" + server.address().substr(4);
    settings.auth.method = "none";
    settings.timeout = 400ms;
    settings.retries = 0;
    auto client = VaultClient::open(settings, {});
    ASSERT_TRUE(client) << client.error().message;
    auto const record = client->read("secret/smtp", "");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().kind, VaultFailure::Unreachable);
}

TEST(VaultSocket, NeedsATrustThatIsThere)
{
    VaultSettings settings;
    settings.address = "https://127.0.0.1:1";
    settings.auth.method = "none";
    settings.client_cert = "/absent/cert.pem";
    settings.client_key = "/absent/key.pem";
    auto const client = VaultClient::open(settings, {});
    ASSERT_FALSE(client);
    EXPECT_TRUE(client.error().message.starts_with("vault: ")) << client.error().message;
    EXPECT_NE(client.error().message.find("/absent/"), std::string::npos) << client.error().message;
}

}   // namespace
}   // namespace mailcore::vault_sync
