#include "core/crypto/hmac.hpp"

#include <gtest/gtest.h>

namespace mailcore::crypto {
namespace {

std::string hex(Sha256 const& digest)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (unsigned char const byte : digest) {
        text += digits[byte >> 4u];
        text += digits[byte & 15u];
    }
    return text;
}

// RFC 4231 4.3, 4.2, 4.7.
TEST(Hmac, AgreesWithTheVectorsOfRfc4231)
{
    EXPECT_EQ(hex(hmac_sha256(base::Secret{"Jefe"}, "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256(base::Secret{std::string(20, '\x0b')}, "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256(base::Secret{std::string(131, '\xaa')}, "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, TakesAnEmptyKeyAndAnEmptyText)
{
    EXPECT_EQ(hex(hmac_sha256(base::Secret{}, "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ConstantTime, ComparesContentAndLength)
{
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
    EXPECT_FALSE(equal_in_constant_time("", "a"));
    EXPECT_FALSE(equal_in_constant_time(std::string_view{"a\0b", 3}, std::string_view{"a\0c", 3}));
}

// RFC 4648 10.
TEST(Base64, AgreesWithTheVectorsOfRfc4648)
{
    constexpr std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (auto const& [bytes, text] : vectors) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(from_base64(text).value(), bytes);
    }
}

TEST(Base64, CarriesEveryByte)
{
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (std::size_t size = 0; size <= all.size(); ++size) {
        EXPECT_EQ(from_base64(base64(all.substr(0, size))).value(), all.substr(0, size));
    }
}

TEST(Base64, RefusesEverySecondSpelling)
{
    for (std::string_view const text : {"Zg", "Zg=", "Zg===", "Z", "=", "====", "Zg==Zg==", "Zm9v=", "Zm9v\n", " Zm9v", "Zm 9",
                                        "Zm9-", "Zm9_", "Zm*v", "Z===", "=Zg=", "Zh==", "Zm9=", "\xC3\xA9==", "Z=g="}) {
        EXPECT_FALSE(from_base64(text)) << text;
    }
}

TEST(Base64, NamesWhatIsWrong)
{
    EXPECT_EQ(from_base64("Zg").error().message, "base64 comes in groups of four characters; this has 2");
    EXPECT_EQ(from_base64("Zm*v").error().message, "character 3 is no base64 digit");
    EXPECT_EQ(from_base64("Zh==").error().message, "the last base64 digit before the padding holds stray bits");
}

TEST(RandomBytes, AreAsManyAsAskedForAndDiffer)
{
    EXPECT_EQ(random_bytes(0), "");
    EXPECT_EQ(random_bytes(32).size(), 32u);
    EXPECT_NE(random_bytes(32), random_bytes(32));
}

}   // namespace
}   // namespace mailcore::crypto
