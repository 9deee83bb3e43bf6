#include "core/crypto/seal.hpp"

#include <array>
#include <memory>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace mailcore::crypto {
namespace {

constexpr std::string_view kMagic = "mcseal1\n";
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kOverhead = kMagic.size() + kNonceBytes + kTagBytes;
constexpr std::size_t kMostBytes = 1u << 30u;   // OpenSSL counts in int

constexpr auto kRefused = "it was tampered with, or sealed with another key or for another host, address or path";

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)>;

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }
unsigned char* bytes_of(char* text) { return reinterpret_cast<unsigned char*>(text); }
int length_of(std::string_view text) { return static_cast<int>(text.size()); }

base::Result<> usable(base::Secret const& key, std::string_view text, std::string_view bound)
{
    if (key.size() != kSealKeyBytes) return base::fail("the key has " + std::to_string(key.size()) + " bytes, not 32");
    if (text.size() > kMostBytes || bound.size() > kMostBytes) return base::fail("more than 1GiB cannot be sealed");
    return {};
}

enum class Direction { Open = 0, Seal = 1 };

// Ready for the text: key, nonce and associated data are in. Null when OpenSSL refuses.
Cipher start(Direction direction, base::Secret const& key, std::string_view nonce, std::string_view bound)
{
    Cipher cipher{::EVP_CIPHER_CTX_new(), &::EVP_CIPHER_CTX_free};
    int unused = 0;
    bool const started =
        cipher &&
        ::EVP_CipherInit_ex(cipher.get(), ::EVP_aes_256_gcm(), nullptr, bytes_of(key.reveal()), bytes_of(nonce),
                            static_cast<int>(direction)) == 1 &&
        (bound.empty() || ::EVP_CipherUpdate(cipher.get(), nullptr, &unused, bytes_of(bound), length_of(bound)) == 1);
    if (!started) cipher.reset();
    return cipher;
}

bool update(Cipher const& cipher, char* to, std::string_view from)
{
    int written = 0;
    return from.empty() ||
           (::EVP_CipherUpdate(cipher.get(), bytes_of(to), &written, bytes_of(from), length_of(from)) == 1 &&
            written == length_of(from));
}

bool finish(Cipher const& cipher)   // GCM has no last block
{
    std::array<unsigned char, kTagBytes> none{};
    int written = 0;
    return ::EVP_CipherFinal_ex(cipher.get(), none.data(), &written) == 1;
}

bool exchange_tag(Cipher const& cipher, int command, char* tag)
{
    return ::EVP_CIPHER_CTX_ctrl(cipher.get(), command, static_cast<int>(kTagBytes), tag) == 1;
}

}   // namespace

base::Result<std::string> seal(base::Secret const& key, std::string_view text, std::string_view bound)
{
    if (auto const can = usable(key, text, bound); !can) return base::fail(can.error());
    std::string sealed{kMagic};
    sealed.resize(kOverhead + text.size());
    char* const nonce = sealed.data() + kMagic.size();
    char* const body = nonce + kNonceBytes;
    if (::RAND_bytes(bytes_of(nonce), static_cast<int>(kNonceBytes)) != 1) {
        return base::fail("the system's random generator failed");
    }

    auto const cipher = start(Direction::Seal, key, {nonce, kNonceBytes}, bound);
    if (!cipher || !update(cipher, body, text) || !finish(cipher) ||
        !exchange_tag(cipher, EVP_CTRL_AEAD_GET_TAG, body + text.size())) {
        return base::fail("OpenSSL could not encrypt with AES-256-GCM");
    }
    return sealed;
}

base::Result<base::Secret> unseal(base::Secret const& key, std::string_view sealed, std::string_view bound)
{
    if (auto const can = usable(key, sealed, bound); !can) return base::fail(can.error());
    if (!sealed.starts_with(kMagic)) return base::fail("it is no sealed text: it does not begin with mcseal1");
    if (sealed.size() < kOverhead) return base::fail(kRefused);

    auto const nonce = sealed.substr(kMagic.size(), kNonceBytes);
    std::string tag{sealed.substr(sealed.size() - kTagBytes)};
    base::Secret text{sealed.substr(kMagic.size() + kNonceBytes, sealed.size() - kOverhead)};   // opened in place
    auto const cipher = start(Direction::Open, key, nonce, bound);
    if (!cipher || !update(cipher, text.bytes().data(), text.reveal()) ||
        !exchange_tag(cipher, EVP_CTRL_AEAD_SET_TAG, tag.data()) || !finish(cipher)) {
        return base::fail(kRefused);
    }
    return text;
}

}   // namespace mailcore::crypto
