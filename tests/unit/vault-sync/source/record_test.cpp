#include "vault-sync/source/record.hpp"

#include <gtest/gtest.h>

namespace mailcore::vault_sync {
namespace {

TEST(SecretRecord, NamesItsSource)
{
    EXPECT_EQ(word(Source::Vault), "vault");
    EXPECT_EQ(word(Source::File), "file");
    EXPECT_EQ(word(Source::Environment), "environment");
    EXPECT_EQ(word(Source::Cache), "cache");
}

TEST(SecretRecord, CopiesEverything)
{
    SecretRecord record{
        Source::Cache, "secret/a", 7, base::Time{std::chrono::seconds{1}}, {{"rotation_days", "90"}}, {}};
    record.fields.emplace("password", base::Secret{"p4ss"});
    auto const copy = record.copy();
    EXPECT_EQ(copy.source, Source::Cache);
    EXPECT_EQ(copy.path, "secret/a");
    EXPECT_EQ(copy.version, 7u);
    EXPECT_EQ(copy.created, record.created);
    EXPECT_EQ(copy.custom_metadata, record.custom_metadata);
    EXPECT_EQ(copy.fields.at("password").reveal(), "p4ss");
    EXPECT_NE(copy.fields.at("password").reveal().data(), record.fields.at("password").reveal().data());
}

}   // namespace
}   // namespace mailcore::vault_sync
