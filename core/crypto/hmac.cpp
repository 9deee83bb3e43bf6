#include "core/crypto/hmac.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdexcept>

namespace mailcore::crypto {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned kNoDigit = 64;

constexpr std::array<unsigned char, 256> digit_values()
{
    std::array<unsigned char, 256> values{};
    values.fill(kNoDigit);
    for (unsigned i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<unsigned char>(i);
    }
    return values;
}
constexpr auto kDigitValues = digit_values();

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }

// How many of a text's last characters are padding: 0 to 2.
std::size_t padding_of(std::string_view text)
{
    if (text.ends_with("==")) return 2;
    return text.ends_with('=') ? 1 : 0;
}

}   // namespace

Sha256 hmac_sha256(base::Secret const& key, std::string_view text)
{
    Sha256 digest{};
    auto const secret = key.reveal();
    unsigned length = 0;
    if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(),
               digest.data(), &length) == nullptr ||
        length != digest.size()) {
        throw std::runtime_error{"OpenSSL could not compute HMAC-SHA256"};
    }
    return digest;
}

bool equal_in_constant_time(std::string_view left, std::string_view right)
{
    // Lengths are no secret: every digest has the same.
    return left.size() == right.size() && ::CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string base64(std::string_view bytes)
{
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    auto const byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned const group = byte(i) << 16u | byte(i + 1) << 8u | byte(i + 2);
        text += kAlphabet[group >> 18u & 63u];
        text += kAlphabet[group >> 12u & 63u];
        text += i + 1 < bytes.size() ? kAlphabet[group >> 6u & 63u] : '=';
        text += i + 2 < bytes.size() ? kAlphabet[group & 63u] : '=';
    }
    return text;
}

base::Result<std::string> from_base64(std::string_view text)
{
    auto const padding = padding_of(text);
    if (text.size() % 4 != 0) return base::fail("base64 comes in groups of four characters; this has " + std::to_string(text.size()));

    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    unsigned group = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const is_padding = i >= text.size() - padding;
        unsigned const value = is_padding ? 0 : kDigitValues[static_cast<unsigned char>(text[i])];
        if (value == kNoDigit) return base::fail("character " + std::to_string(i + 1) + " is no base64 digit");
        group = group << 6u | value;
        if (i % 4 != 3) continue;
        for (unsigned shift : {16u, 8u, 0u}) bytes += static_cast<char>(group >> shift & 255u);
        group = 0;
    }
    // RFC 4648 3.5: the bits behind the last byte must be zero, so that each value has one spelling.
    for (std::size_t i = 0; i < padding; ++i) {
        if (bytes.back() != '\0') return base::fail("the last base64 digit before the padding holds stray bits");
        bytes.pop_back();
    }
    return bytes;
}

std::string random_bytes(std::size_t count)
{
    std::string bytes(count, '\0');
    if (::RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
        throw std::runtime_error{"the system's random generator failed"};
    }
    return bytes;
}

}   // namespace mailcore::crypto
