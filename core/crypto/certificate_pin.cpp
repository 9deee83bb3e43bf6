#include "core/crypto/certificate_pin.hpp"

#include <algorithm>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "core/base/text.hpp"

namespace mailcore::crypto {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::size_t kDigits = 64;
constexpr std::string_view kHex = "0123456789abcdef";

std::string digest_of(unsigned char const* bytes, std::size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (::EVP_Digest(bytes, size, digest, &length, ::EVP_sha256(), nullptr) != 1) return "";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
        text += kHex[digest[i] >> 4u];
        text += kHex[digest[i] & 15u];
    }
    return text;
}

// The digest of what one of OpenSSL's i2d functions writes; "" when it fails, which no fingerprint is.
template <auto Encode, class T>
std::string digest_of_der(T const* object)
{
    unsigned char* der = nullptr;
    int const size = object == nullptr ? -1 : Encode(object, &der);
    if (size <= 0) return "";
    auto digest = digest_of(der, static_cast<std::size_t>(size));
    ::OPENSSL_free(der);
    return digest;
}

int verify(X509_STORE_CTX* store, void* pin) noexcept   // nothing thrown may cross into C
{
    bool trusted = false;
    try {
        trusted = static_cast<CertificatePin*>(pin)->trusts(::X509_STORE_CTX_get0_cert(store));
    } catch (...) {
        trusted = false;
    }
    ::X509_STORE_CTX_set_error(store, trusted ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return trusted ? 1 : 0;
}

}   // namespace

base::Result<std::string> parse_fingerprint(std::string_view text)
{
    auto const wrong = [&](std::string const& why) {
        return base::fail("\"" + std::string{text} + "\" is no fingerprint: " + why +
                          "; write sha256: and 64 hex digits, with or without colons between pairs");
    };
    auto digits = base::lower(text);
    if (!digits.starts_with(kPrefix)) return wrong("it does not begin with sha256:");
    digits.erase(0, kPrefix.size());
    if (digits.size() == kDigits + kDigits / 2 - 1) {
        std::string pairs;
        for (std::size_t i = 0; i < digits.size(); ++i) {
            if (i % 3 != 2) pairs += digits[i];
            else if (digits[i] != ':') return wrong("its colons do not stand between pairs");
        }
        digits = pairs;
    }
    if (digits.find_first_not_of("0123456789abcdef:") != std::string::npos) {
        return wrong("it holds other characters than hex digits");
    }
    if (digits.find(':') != std::string::npos) return wrong("its colons do not stand between pairs");
    if (digits.size() != kDigits) return wrong("it has " + std::to_string(digits.size()) + " digits");
    return digits;
}

CertificatePin::CertificatePin(std::vector<std::string> fingerprints) : fingerprints_{std::move(fingerprints)} {}

bool CertificatePin::install(void* ssl_context)
{
    if (ssl_context == nullptr) return false;
    ::SSL_CTX_set_cert_verify_callback(static_cast<SSL_CTX*>(ssl_context), verify, this);
    return true;
}

bool CertificatePin::trusts(void* certificate)
{
    auto const* const leaf = static_cast<X509 const*>(certificate);
    if (leaf == nullptr) return false;
    auto const whole = digest_of_der<::i2d_X509>(leaf);
    auto const key = digest_of_der<::i2d_X509_PUBKEY>(::X509_get_X509_PUBKEY(leaf));
    seen_ = "certificate sha256:" + whole + ", public key sha256:" + key;
    return std::any_of(fingerprints_.begin(), fingerprints_.end(),
                       [&](auto const& one) { return !one.empty() && (one == whole || one == key); });
}

}   // namespace mailcore::crypto
