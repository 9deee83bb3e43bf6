#include "tests/unit/core/crypto/certificates.hpp"

#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace mailcore::testing {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

std::string text_of(BIO* bio)
{
    char* data = nullptr;
    auto const size = ::BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

Bio memory() { return {::BIO_new(::BIO_s_mem()), &::BIO_free}; }
Bio reading(std::string const& text)
{
    return {::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &::BIO_free};
}

Identity pem(X509* certificate, EVP_PKEY* key)
{
    auto const first = memory();
    auto const second = memory();
    ::PEM_write_bio_X509(first.get(), certificate);
    ::PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(first.get()), text_of(second.get())};
}

void extend(X509* certificate, X509* issuer, int what, std::string const& value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    if (extension == nullptr) throw std::runtime_error{"bad extension " + value};
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
}

Certificate blank(std::string const& name, EVP_PKEY* key)
{
    static long serial = 1;
    Certificate made{::X509_new(), &::X509_free};
    ::X509_set_version(made.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), serial++);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 3600);
    ::X509_set_pubkey(made.get(), key);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                                 reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
    return made;
}

}   // namespace

Identity make_authority(std::string const& name)
{
    Key const key{EVP_EC_gen("P-256"), &::EVP_PKEY_free};
    auto const made = blank(name, key.get());
    ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(made.get()));
    extend(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(made.get(), made.get(), NID_key_usage, "critical,keyCertSign");
    ::X509_sign(made.get(), key.get(), ::EVP_sha256());
    return pem(made.get(), key.get());
}

Identity make_identity(std::string const& names, Identity const* issuer)
{
    Key const key{EVP_EC_gen("P-256"), &::EVP_PKEY_free};
    auto const made = blank("test", key.get());
    Certificate signer{nullptr, &::X509_free};
    Key signing{nullptr, &::EVP_PKEY_free};
    if (issuer != nullptr) {
        signer.reset(::PEM_read_bio_X509(reading(issuer->certificate).get(), nullptr, nullptr, nullptr));
        signing.reset(::PEM_read_bio_PrivateKey(reading(issuer->key).get(), nullptr, nullptr, nullptr));
    }
    auto* const by = signer ? signer.get() : made.get();
    ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(by));
    extend(made.get(), by, NID_subject_alt_name, names);
    ::X509_sign(made.get(), signing ? signing.get() : key.get(), ::EVP_sha256());
    return pem(made.get(), key.get());
}

}   // namespace mailcore::testing
