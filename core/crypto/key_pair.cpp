#include "core/crypto/key_pair.hpp"

#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace mailcore::crypto {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;

Bio reading(std::string_view text)
{
    return {::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &::BIO_free};
}

int no_password(char*, int, int, void* asked)   // instead of OpenSSL's, which would ask on the terminal
{
    *static_cast<bool*>(asked) = true;
    return -1;
}

}   // namespace

base::Result<> check_key_pair(std::string_view certificate, std::string_view key)
{
    bool is_encrypted = false;
    std::unique_ptr<X509, decltype(&::X509_free)> const leaf{
        ::PEM_read_bio_X509(reading(certificate).get(), nullptr, no_password, &is_encrypted), &::X509_free};
    std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> const own{
        ::PEM_read_bio_PrivateKey(reading(key).get(), nullptr, no_password, &is_encrypted), &::EVP_PKEY_free};
    bool const match = leaf && own && ::X509_check_private_key(leaf.get(), own.get()) == 1;
    ::ERR_clear_error();   // libcurl would report what is left there as its own
    if (!leaf) return base::fail("it holds no certificate in PEM");
    if (is_encrypted) return base::fail("its private key is encrypted; give it without a password, mode 0600");
    if (!own) return base::fail("it has no private key in PEM");
    if (!match) return base::fail("its private key belongs to another certificate");
    return {};
}

}   // namespace mailcore::crypto
