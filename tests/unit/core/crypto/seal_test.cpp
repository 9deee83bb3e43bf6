#include "core/crypto/seal.hpp"

#include <gtest/gtest.h>

#include "core/crypto/hmac.hpp"

namespace mailcore::crypto {
namespace {

constexpr auto kRefused = "it was tampered with, or sealed with another key or for another host, address or path";

base::Secret key(char byte = 'k') { return base::Secret{std::string(32, byte)}; }

std::string refusal(base::Result<base::Secret> const& opened) { return opened ? "opened" : opened.error().message; }

TEST(Seal, OpensToWhatWasSealed)
{
    for (std::string const& text : {std::string{}, std::string{"password"}, std::string(100'000, '\0')}) {
        for (std::string const& bound : {std::string{}, std::string{"host\0address", 12}}) {
            auto const sealed = seal(key(), text, bound);
            ASSERT_TRUE(sealed) << sealed.error().message;
            EXPECT_EQ(sealed->size(), 8 + 12 + text.size() + 16);
            auto const opened = unseal(key(), *sealed, bound);
            ASSERT_TRUE(opened) << opened.error().message;
            EXPECT_EQ(opened->reveal(), text);
        }
    }
}

TEST(Seal, IsOtherEachTime) { EXPECT_NE(*seal(key(), "password", ""), *seal(key(), "password", "")); }

// So that files written today can be read by later versions: key 00…1f, made with Python's cryptography.
TEST(Seal, KeepsItsLayout)
{
    std::string bytes;
    for (char i = 0; i < 32; ++i) bytes += i;
    // "mcseal1\n", nonce 000102…0b, AES-256-GCM("password", "bound")
    auto const sealed = from_base64("bWNzZWFsMQoAAQIDBAUGBwgJCgs3Y6Vosoqwf/u5RR/nSaF3pIjRwOtpKyg=");
    ASSERT_TRUE(sealed);
    auto const opened = unseal(base::Secret{bytes}, *sealed, "bound");
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->reveal(), "password");
}

TEST(Seal, RefusesAChangedByteAnywhere)
{
    auto const sealed = *seal(key(), "password", "bound");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (char const bit : {'\x01', '\x80'}) {
            auto changed = sealed;
            changed[i] = static_cast<char>(changed[i] ^ bit);
            EXPECT_EQ(refusal(unseal(key(), changed, "bound")),
                      i < 8 ? "it is no sealed text: it does not begin with mcseal1" : kRefused)
                << "byte " << i;
        }
    }
}

TEST(Seal, RefusesWhatIsCutOrLonger)
{
    auto const sealed = *seal(key(), "password", "bound");
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_EQ(refusal(unseal(key(), sealed.substr(0, size), "bound")),
                  size < 8 ? "it is no sealed text: it does not begin with mcseal1" : kRefused)
            << size << " bytes";
    }
    EXPECT_EQ(refusal(unseal(key(), sealed + '\0', "bound")), kRefused);
}

TEST(Seal, RefusesAnotherKeyOrPlace)
{
    auto const sealed = *seal(key(), "password", "bound");
    EXPECT_EQ(refusal(unseal(key('l'), sealed, "bound")), kRefused);
    for (auto const* const other : {"", "bounD", "bound ", "boun"}) {
        EXPECT_EQ(refusal(unseal(key(), sealed, other)), kRefused);
    }
}

TEST(Seal, RefusesAForeignText)
{
    EXPECT_EQ(refusal(unseal(key(), "", "")), "it is no sealed text: it does not begin with mcseal1");
    EXPECT_EQ(refusal(unseal(key(), "{\"password\": \"in the open, and long enough\"}", "")),
              "it is no sealed text: it does not begin with mcseal1");
}

TEST(Seal, RefusesAKeyOfAnotherLength)
{
    for (std::size_t const size : {0u, 16u, 31u, 33u}) {
        base::Secret const wrong{std::string(size, 'k')};
        auto const words = "the key has " + std::to_string(size) + " bytes, not 32";
        EXPECT_EQ(seal(wrong, "text", "").error().message, words);
        EXPECT_EQ(refusal(unseal(wrong, "mcseal1\n", "")), words);
    }
}

}   // namespace
}   // namespace mailcore::crypto
