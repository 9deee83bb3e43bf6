// The stamp's keys file.

#include <gmock/gmock.h>

#include "core/rules/read.hpp"
#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

constexpr auto kKey = "MDEyMzQ1Njc4OWFiY2RlZg==";   // 16 bytes

std::string complaint(std::string const& text)
{
    config::Diagnostics problems;
    parse_stamp_keys("keys.yaml", text, problems);
    EXPECT_EQ(problems.all().size(), 1u) << problems.text();
    return problems.all().empty() ? "" : problems.all().front().position.text() + ": " + problems.all().front().message;
}

TEST(StampKeys, HoldAnActiveKeyAndOlderOnes)
{
    config::Diagnostics problems;
    auto const keys = parse_stamp_keys("keys.yaml", std::string{"active: k1\nkeys:\n  k1: "} + kKey + "\n  k0: " + kKey + "\n", problems);
    EXPECT_TRUE(problems.all().empty()) << problems.text();
    EXPECT_EQ(keys->active, "k1");
    EXPECT_EQ(keys->keys.at("k0").reveal(), "0123456789abcdef");
}

TEST(StampKeys, AreRefusedInWordsThatNeverShowAKey)
{
    EXPECT_EQ(complaint(std::string{"keys: {k1: "} + kKey + "}"), "keys.yaml:1:1: the stamp's keys need `active:`, the id of the key that signs");
    EXPECT_EQ(complaint(std::string{"active: k2\nkeys: {k1: "} + kKey + "}"), "keys.yaml:1:9: active key \"k2\" is not among `keys`");
    EXPECT_EQ(complaint(std::string{"active: k1\nkeys: {k1: "} + kKey + ", k2: c2VjcmV0}"),
              "keys.yaml:2:42: key \"k2\" is not base64 of at least 16 bytes; make one with: mailcorectl stamp key rotate");
    EXPECT_EQ(complaint(std::string{"active: k1\nextra: 1\nkeys: {k1: "} + kKey + "}"),
              "keys.yaml:2:8: a file of stamp keys holds `active: ID` and `keys: {ID: BASE64}`");
}

TEST(StampKeys, AMissingFileNamesTheCommandThatMakesIt)
{
    config::Diagnostics problems;
    read_stamp_keys({"/nonexistent/keys.yaml", {}}, problems);
    ASSERT_EQ(problems.all().size(), 1u);
    EXPECT_THAT(problems.all().front().message, ::testing::HasSubstr("mailcorectl stamp key new"));
}

TEST(StampKeys, NoFileMeansUnsigned)
{
    config::Diagnostics problems;
    EXPECT_EQ(read_stamp_keys({"", {}}, problems), nullptr);
    EXPECT_TRUE(problems.all().empty());
}

}   // namespace
}   // namespace mailcore::rules::testing
