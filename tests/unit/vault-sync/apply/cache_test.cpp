#include "vault-sync/apply/cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto/hmac.hpp"
#include "made.hpp"

namespace mailcore::vault_sync {
namespace {

class CacheTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-cache-test-XXXXXX";
        folder_ = ::mkdtemp(name);
        settings_.file = folder_ + "/cache/last-good";
        settings_.key = "file:" + folder_ + "/key";
        write_key("k");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    void write_key(std::string const& letter) const
    {
        std::filesystem::remove(folder_ + "/key");
        std::ofstream{folder_ + "/key"} << crypto::base64(std::string(32, letter[0])) << '\n';
        ::chmod((folder_ + "/key").c_str(), 0600);
    }
    Cache open(std::string const& address = "https://vault.test:8200") const { return {settings_, address}; }
    void save(std::string const& password, std::uint64_t version = 1)
    {
        auto const made = record("primary", password, version);
        auto const saved = open().save({{"secret/primary", &made}}, at(0));
        ASSERT_TRUE(saved) << saved.error().message;
    }
    std::string text() const
    {
        std::ifstream file{settings_.file};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    std::string complaint(Cache cache, base::Time now = at(1)) const
    {
        auto const loaded = cache.load("secret/primary", now);
        return loaded ? "(none)" : loaded.error().message;
    }

    std::string folder_;
    CacheSettings settings_;
};

TEST_F(CacheTest, GivesBackWhatItWasGiven)
{
    auto made = record("primary", "pass \"word\"\\ \xc3\xa9", 7);
    made.created = at(-100);
    made.custom_metadata = {{"rotation_days", "30"}};
    ASSERT_TRUE(open().save({{"secret/primary", &made}}, at(0)));
    auto const loaded = open().load("secret/primary", at(1));
    ASSERT_TRUE(loaded && *loaded);
    EXPECT_EQ((*loaded)->source, Source::Cache);
    EXPECT_EQ((*loaded)->version, 7u);
    EXPECT_EQ((*loaded)->created, at(-100));
    EXPECT_EQ((*loaded)->custom_metadata.at("rotation_days"), "30");
    EXPECT_EQ((*loaded)->fields.at("password").reveal(), "pass \"word\"\\ \xc3\xa9");
}

TEST_F(CacheTest, ShowsNoValueOnTheDisk)
{
    save("unmistakable-password");
    EXPECT_EQ(text().find("unmistakable"), std::string::npos);
    EXPECT_EQ(text().find("user-primary"), std::string::npos);
    struct stat about {};
    ::stat(settings_.file.c_str(), &about);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(CacheTest, HasNothingWhereNothingWasKept)
{
    EXPECT_FALSE(open().load("secret/primary", at(0)).value());
    save("x-password");
    EXPECT_FALSE(open().load("secret/other", at(0)).value());
}

TEST_F(CacheTest, KeepsTheRecordsOfOtherPaths)
{
    save("first-password");
    auto const other = record("ses", "second-password");
    ASSERT_TRUE(open().save({{"secret/ses", &other}}, at(0)));
    EXPECT_TRUE(open().load("secret/primary", at(1)).value());
    EXPECT_TRUE(open().load("secret/ses", at(1)).value());
}

TEST_F(CacheTest, IsNotWrittenAnewWithoutAChange)
{
    save("same-password");
    auto const before = text();
    save("same-password");
    EXPECT_EQ(text(), before);
    save("other-password");
    EXPECT_NE(text(), before);
}

TEST_F(CacheTest, RefusesARecordOfAnotherKeyAddressOrPath)
{
    save("x-password");
    auto const refused = "the cache's record of secret/primary in " + settings_.file +
                         " is refused: it was tampered with, or belongs to another host, address, path or key";
    EXPECT_EQ(complaint(open("https://other.test:8200")), refused);
    write_key("o");
    EXPECT_EQ(complaint(open()), refused);
    write_key("k");
    auto moved = text();
    moved.replace(moved.find("secret/primary"), 14, "secret/moved__");
    std::ofstream{settings_.file} << moved;
    EXPECT_FALSE(open().load("secret/moved__", at(1)));
}

TEST_F(CacheTest, RefusesATamperedRecordWhereverItWasTouched)
{
    save("x-password");
    auto const whole = text();
    auto const sealed = whole.find("\"sealed\": \"") + 11;
    for (std::size_t offset : {0u, 20u, 60u, 100u}) {
        auto touched = whole;
        touched[sealed + offset] = touched[sealed + offset] == 'A' ? 'B' : 'A';
        std::ofstream{settings_.file} << touched;
        EXPECT_NE(complaint(open()), "(none)") << offset;
    }
    auto older = whole;   // its time is bound, too
    older.replace(older.find("\"saved\": \"") + 10, 4, "2099");
    std::ofstream{settings_.file} << older;
    EXPECT_NE(complaint(open()), "(none)");
}

TEST_F(CacheTest, RefusesWhatIsTooOld)
{
    save("x-password");
    EXPECT_EQ(complaint(open(), at(30LL * 86'400)), "(none)");
    EXPECT_EQ(complaint(open(), at(30LL * 86'400 + 1)), "the cache's record of secret/primary is from " + base::format_time(at(0)) +
                                                             ", older than cache.max_age (30d)");
}

TEST_F(CacheTest, RefusesAForeignFile)
{
    std::filesystem::create_directories(folder_ + "/cache");
    for (auto const* content : {"", "hello", "[]", "{}", R"({"format":2,"records":{}})", R"({"format":1,"records":[]})"}) {
        std::ofstream{settings_.file} << content;
        EXPECT_EQ(complaint(open()), settings_.file + " is no cache that vault-sync wrote; remove it") << content;
    }
}

TEST_F(CacheTest, ReplacesItsOwnFileThatWasCutShortAndNobodyElses)
{
    save("x-password");
    auto const whole = text();
    auto const made = record("primary", "x-password");
    for (auto const& left : {whole.substr(0, whole.size() / 2), whole.substr(0, 5), std::string{}}) {
        std::ofstream{settings_.file} << left;
        EXPECT_TRUE(open().save({{"secret/primary", &made}}, at(0))) << left;
        EXPECT_TRUE(open().load("secret/primary", at(1)).value());
    }
    std::ofstream{settings_.file} << "root:x:0:0:root:/root:/bin/bash\n";
    auto const refused = open().save({{"secret/primary", &made}}, at(0));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, settings_.file + " is no cache that vault-sync wrote; remove it");
}

TEST_F(CacheTest, NamesTheCureOfAMissingKey)
{
    std::filesystem::remove(folder_ + "/key");
    auto const made = record("primary", "x-password");
    auto const saved = open().save({{"secret/primary", &made}}, at(0));
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().message, "cache.key: there is no " + folder_ + "/key; make one: (umask 077; openssl rand -base64 32 > " +
                                         folder_ + "/key)");
}

TEST_F(CacheTest, RefusesAKeyThatOthersCanRead)
{
    ::chmod((folder_ + "/key").c_str(), 0644);
    auto const made = record("primary", "x-password");
    auto const saved = open().save({{"secret/primary", &made}}, at(0));
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().message, "cache.key: " + folder_ + "/key can be read by others than its owner: chmod 0600 " + folder_ + "/key");
}

TEST_F(CacheTest, WrapsItsKeyByTransit)
{
    settings_.key = "transit:mailcore";
    Transit transit{[](base::Secret const& key) -> base::Result<std::string> { return "vault:v1:" + crypto::base64(key.reveal()); },
                    [](std::string const& wrapped) -> base::Result<base::Secret> { return base::Secret{*crypto::from_base64(wrapped.substr(9))}; }};
    auto const made = record("primary", "x-password");
    ASSERT_TRUE((Cache{settings_, "a", transit}.save({{"secret/primary", &made}}, at(0))));
    EXPECT_TRUE((Cache{settings_, "a", transit}.load("secret/primary", at(1)).value())) << "a new process asks transit for the key";
    auto const away = Cache{settings_, "a"}.load("secret/primary", at(1));
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().message, "cache.key: the transit engine cannot be asked, since there is no Vault");
}

TEST_F(CacheTest, KeepsAnUnwrappedSecretIdByItsToken)
{
    ASSERT_TRUE(open().keep_secret_id("hash-of-token", base::Secret{"the-secret-id"}));
    EXPECT_EQ(open().recall_secret_id("hash-of-token")->reveal(), "the-secret-id");
    EXPECT_EQ(open().recall_secret_id("")->reveal(), "the-secret-id") << "an emptied file means the kept one";
    EXPECT_FALSE(open().recall_secret_id("hash-of-another"));
    EXPECT_FALSE(open("https://other.test").recall_secret_id("hash-of-token"));
}

}   // namespace
}   // namespace mailcore::vault_sync
