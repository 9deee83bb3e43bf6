#include "vault-sync/vault/kv.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vault-sync/vault/scripted_vault.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono;

TEST(KvPath, IsCleaned)
{
    EXPECT_EQ(clean_path("/secret/keybuzz/smtp/").value(), "secret/keybuzz/smtp");
    for (auto const* bad : {"", "/", "a//b", "a/../b", "./a", "a/..", "a\nb"}) EXPECT_FALSE(clean_path(bad)) << bad;
    EXPECT_EQ(clean_path("a/../b").error().message,
              "\"a/../b\" is no path of a secret; write it as in secret/keybuzz/smtp");
}

TEST(KvPath, GetsDataAfterItsMountOnce)
{
    Mount const secret{"secret", KvVersion::Two};
    EXPECT_EQ(read_path("secret/keybuzz/smtp", secret), "secret/data/keybuzz/smtp");
    EXPECT_EQ(read_path("secret/data/keybuzz/smtp", secret), "secret/data/keybuzz/smtp");
    EXPECT_EQ(read_path("secret/data/data/smtp", secret), "secret/data/data/smtp");
    EXPECT_EQ(read_path("secret/data", secret), "secret/data/data") << "a secret of that name";
    EXPECT_EQ(read_path("secret/database", secret), "secret/data/database");
    EXPECT_EQ(read_path("kv/team/smtp", {"kv/team", KvVersion::Two}), "kv/team/data/smtp");
    EXPECT_EQ(read_path("secret/keybuzz/smtp", {"secret", KvVersion::One}), "secret/keybuzz/smtp");
}

TEST(KvPath, FindsItsMountBehindANamespace)
{
    EXPECT_EQ(fitting_mount("secret/a", "secret/"), "secret");
    EXPECT_EQ(fitting_mount("kv/team/a", "kv/team/"), "kv/team");
    EXPECT_EQ(fitting_mount("secret/a", "ns1/ns2/secret/"), "secret");
    EXPECT_EQ(fitting_mount("secrets/a", "secret/"), "");
    EXPECT_EQ(fitting_mount("secret/a", ""), "");
}

// ---- reads

class KvRead : public testing::Test {
protected:
    KvRead() { vault.settings.auth.method = "none"; }
    ScriptedVault vault;
    static constexpr auto kMount = "GET sys/internal/ui/mounts/secret/keybuzz/smtp";
    static constexpr auto kTwo = "GET secret/data/keybuzz/smtp";
    static constexpr auto kOne = "GET secret/keybuzz/smtp";
    static constexpr auto kV1Secret = R"({"request_id":"r","lease_duration":2764800,"data":{"host":"h","port":"25"}})";
    static constexpr auto kWrongForm =
        R"({"request_id":"r","data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs."]})";
};

TEST_F(KvRead, AsksForTheMountOnce)
{
    vault.expect_mount();
    vault.answers(kTwo, 200, kSecret).answers(kTwo, 200, kSecret).answers("GET secret/data/other", 200, kSecret);
    EXPECT_EQ(vault.read(), "host=h;port=587; version 2");
    EXPECT_EQ(vault.read(), "host=h;port=587; version 2");
    EXPECT_EQ(vault.read("secret/other"), "host=h;port=587; version 2") << "the same mount";
}

TEST_F(KvRead, TakesBothFormsOfAPath)
{
    vault.answers("GET sys/internal/ui/mounts/secret/data/keybuzz/smtp", 200, kMountTwo).answers(kTwo, 200, kSecret);
    EXPECT_EQ(vault.read("secret/data/keybuzz/smtp"), "host=h;port=587; version 2");
}

TEST_F(KvRead, GivesTheWholeRecord)
{
    vault.expect_mount();
    vault.answers(
        kTwo, 200,
        R"({"data":{"data":{"host":"h","port":587,"use_tls":true,"none":null,"list":[1],"map":{"a":"b"}},)"
        R"("metadata":{"created_time":"2018-03-22T02:24:06.945319214Z","custom_metadata":{"rotated_at":"2026-01-01","rotation_days":"90"},)"
        R"("deletion_time":"2030-01-01T00:00:00Z","destroyed":false,"version":12}}})");
    auto const record = vault.client().read("/secret/keybuzz/smtp", "");
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(record->source, Source::Vault);
    EXPECT_EQ(record->path, "/secret/keybuzz/smtp") << "as the operator wrote it";
    EXPECT_EQ(record->version, 12u);
    EXPECT_EQ(record->created, base::Time{sys_days{2018y / March / 22} + 2h + 24min + 6s + 945'319us});
    EXPECT_EQ(record->custom_metadata,
              (std::map<std::string, std::string>{{"rotated_at", "2026-01-01"}, {"rotation_days", "90"}}));
    EXPECT_EQ(record->fields.size(), 3u) << "scalars only; a deletion in the future takes nothing away";
    EXPECT_EQ(record->fields.at("use_tls").reveal(), "true");
}

TEST_F(KvRead, ReadsVersionOne)
{
    for (auto const* options : {"null", "{}", R"({"version":"1"})", R"({"version":""})"}) {
        vault.restart();
        vault.answers(kMount, 200, R"({"data":{"path":"secret/","options":)" + std::string{options} + "}}")
            .answers(kOne, 200, kV1Secret);
        EXPECT_EQ(vault.read(), "host=h;port=25; version 0");
    }
}

TEST_F(KvRead, KnowsThreeMeaningsOf404)
{
    vault.expect_mount();
    vault.answers(kTwo, 404, kNothing);
    EXPECT_EQ(vault.read(),
              "NotFound: https://vault.example:8200 has no secret/data/keybuzz/smtp: never written, or no such mount "
              "or namespace");
    vault.answers(
        kTwo, 404,
        R"({"data":{"data":null,"metadata":{"created_time":"2026-11-20T00:00:00Z","deletion_time":"2026-11-21T01:00:00.5Z","destroyed":false,"version":7}}})");
    EXPECT_EQ(
        vault.read(),
        "Deleted: https://vault.example:8200: secret/keybuzz/smtp: version 7 was deleted at 2026-11-21T01:00:00.5Z; "
        "undelete it (vault kv undelete -versions=7) or write a new one");
    vault.answers(
        kTwo, 404,
        R"({"data":{"data":null,"metadata":{"created_time":"2026-11-20T00:00:00Z","deletion_time":"","destroyed":true,"version":7}}})");
    EXPECT_EQ(vault.read(),
              "Deleted: https://vault.example:8200: secret/keybuzz/smtp: version 7 was destroyed; write a new one");
    vault.answers(kTwo, 404, kWrongForm).answers(kOne, 200, kV1Secret).answers(kOne, 200, kV1Secret);
    EXPECT_EQ(vault.read(), "host=h;port=25; version 0");
    EXPECT_EQ(vault.read(), "host=h;port=25; version 0") << "and remembers it";
}

TEST_F(KvRead, FollowsAnUpgradeToVersionTwo)
{
    vault.answers(kMount, 200, R"({"data":{"path":"secret/","options":null}})")
        .answers(kOne, 404, kWrongForm)
        .answers(kTwo, 200, kSecret);
    EXPECT_EQ(vault.read(), "host=h;port=587; version 2");
}

TEST_F(KvRead, HeedsTheConfiguredVersion)
{
    vault.settings.kv_version = "1";
    vault.answers(kOne, 404, kWrongForm);
    EXPECT_EQ(vault.read(),
              "NotFound: https://vault.example:8200 holds secret/keybuzz/smtp in a KV version 2 mount; set "
              "vault.kv_version to auto or 2, "
              "and the relay's mount");
    vault.settings.kv_version = "2";
    vault.restart();
    vault.answers(kTwo, 200, kSecret);
    EXPECT_EQ(vault.read("secret/keybuzz/smtp", "secret"), "host=h;port=587; version 2")
        << "nothing to ask where the mount is given, too";
}

TEST_F(KvRead, HeedsTheRelaysMount)
{
    vault.answers("GET sys/internal/ui/mounts/kv/team/smtp", 200,
                  R"({"data":{"path":"kv/team/","options":{"version":"2"}}})");
    vault.answers("GET kv/team/data/smtp", 200, kSecret);
    EXPECT_EQ(vault.read("kv/team/smtp", "/kv/team/"), "host=h;port=587; version 2");
    EXPECT_EQ(vault.read("secret/smtp", "kv/team"),
              "Malformed: secret/smtp does not lie below the mount kv/team; mend the relay's secret or mount");
}

// Older servers, and tokens that may not ask.
TEST_F(KvRead, TriesTheLikelyPlacesWhereTheMountIsNotTold)
{
    for (int const status : {403, 404}) {
        vault.restart();
        vault.answers(kMount, status, status == 403 ? kDenied : kNothing);
        vault.answers(kTwo, 200, kSecret).answers(kTwo, 200, kSecret);
        EXPECT_EQ(vault.read(), "host=h;port=587; version 2");
        EXPECT_EQ(vault.read(), "host=h;port=587; version 2") << "and remembers it";
    }
    vault.restart();
    vault.answers(kMount, 404, kNothing);
    vault.answers(kTwo, 403, kDenied)
        .answers("GET secret/keybuzz/data/smtp", 404, kNothing)
        .answers(kOne, 200, kV1Secret);
    EXPECT_EQ(vault.read(), "host=h;port=25; version 0");
    vault.restart();
    vault.answers(kMount, 404, kNothing);
    vault.answers(kTwo, 403, kDenied).answers("GET secret/keybuzz/data/smtp", 200, kSecret);
    EXPECT_EQ(vault.read(), "host=h;port=587; version 2") << "a mount with a slash";
    vault.restart();
    vault.answers(kMount, 404, kNothing);
    vault.answers(kTwo, 404, kNothing)
        .answers("GET secret/keybuzz/data/smtp", 403, kDenied)
        .answers(kOne, 403, kDenied);
    EXPECT_EQ(vault.read(),
              "NotFound: https://vault.example:8200 has no secret/data/keybuzz/smtp: never written, or no such mount "
              "or namespace");
    vault.answers(kMount, 403, kDenied)
        .answers(kTwo, 403, kDenied)
        .answers("GET secret/keybuzz/data/smtp", 403, kDenied)
        .answers(kOne, 403, kDenied);
    EXPECT_EQ(vault.read(),
              "Denied: https://vault.example:8200 denies reading secret/data/keybuzz/smtp: permission denied; grant "
              "read on it in the policy, "
              "or set the relay's mount");
    vault.answers(kMount, 404, kNothing)
        .answers(kTwo, 503, kSealed)
        .answers(kTwo, 503, kSealed)
        .answers(kTwo, 503, kSealed)
        .answers(kTwo, 503, kSealed);
    EXPECT_EQ(vault.read(), "Sealed: https://vault.example:8200 cannot serve now (503): Vault is sealed")
        << "and asks no further";
}

TEST_F(KvRead, TakesADataPathOnVersionOne)
{
    vault.answers("GET sys/internal/ui/mounts/secret/data/keybuzz/smtp", 200,
                  R"({"data":{"path":"secret/","options":null}})");
    for (auto const& [status, body] : {std::pair{404, kNothing}, std::pair{403, kDenied}}) {
        vault.answers(kTwo, status, body).answers(kOne, 200, kV1Secret);
        EXPECT_EQ(vault.read("secret/data/keybuzz/smtp"), "host=h;port=25; version 0");
    }
    vault.answers(kTwo, 404, kNothing).answers(kOne, 403, kDenied);
    EXPECT_EQ(vault.read("secret/data/keybuzz/smtp"),
              "NotFound: https://vault.example:8200 has no secret/data/keybuzz/smtp: never written, or no such mount "
              "or namespace");
}

TEST_F(KvRead, RefusesAnswersThatAreNoSecret)
{
    vault.expect_mount();
    for (auto const* body : {"{}", "[]", R"({"data":null})", R"({"data":"text"})",
                             R"({"data":{"data":"text","metadata":{"version":1}}})"}) {
        vault.answers(kTwo, 200, body);
        EXPECT_EQ(vault.read(),
                  "Malformed: https://vault.example:8200: secret/keybuzz/smtp: the answer holds no secret")
            << body;
    }
    vault.answers(kTwo, 400, R"({"errors":["invalid version"]})");
    EXPECT_EQ(vault.read(),
              "Malformed: https://vault.example:8200 refused to read secret/data/keybuzz/smtp: invalid version");
    EXPECT_EQ(vault.read("a/../b"), "Malformed: \"a/../b\" is no path of a secret; write it as in secret/keybuzz/smtp");
}

}   // namespace
}   // namespace mailcore::vault_sync
