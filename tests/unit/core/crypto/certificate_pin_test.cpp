#include "core/crypto/certificate_pin.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace mailcore::crypto {
namespace {

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=relay.test -days 36500
constexpr std::string_view kCertificate = R"(
-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUJqnXdbymuErUSiOsmqdH5CF2/nQwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKcmVsYXkudGVzdDAgFw0yNjExMjIwMTQ0NTZaGA8yMTI2MTAy
OTAxNDQ1NlowFTETMBEGA1UEAwwKcmVsYXkudGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABH+ZUVJ/AI6DbLW8nqcojQyoyf5tekN5+I2L718hjmmcOQUCgrhr
/WoP+Uh7N95iUeFVp9ugzk2mw0VK6VexHXCjUzBRMB0GA1UdDgQWBBTdd5jIyphx
/DiO6Q8WU0ZZE7FY0zAfBgNVHSMEGDAWgBTdd5jIyphx/DiO6Q8WU0ZZE7FY0zAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIEfzJ2ksI9Mr9KiCB9H6
m1R3TtQ2LlcR7R9wIEaowM5MAiEAlETz2ePjCGrUHCbH1qfHT7r8xANQtS2+OhzC
SLV/3MU=
-----END CERTIFICATE-----
)";
// openssl x509 -noout -fingerprint -sha256
constexpr auto kWhole =
    "sha256:CD:B7:36:54:D9:93:22:6A:83:BF:3A:4E:2A:5C:4A:65:22:81:69:BE:A6:4B:5B:CD:9B:CA:D0:91:52:5F:5B:06";
// openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256
constexpr auto kKey = "sha256:1895b84e51ef474e9810793d35addcd1aca4cbeee89a06c2b0b6ded4214c18d4";

using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
Certificate certificate()
{
    std::unique_ptr<BIO, decltype(&::BIO_free)> const bio{
        ::BIO_new_mem_buf(kCertificate.data(), static_cast<int>(kCertificate.size())), &::BIO_free};
    return {::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &::X509_free};
}

bool trusts(std::vector<std::string> fingerprints)
{
    return CertificatePin{std::move(fingerprints)}.trusts(certificate().get());
}

TEST(CertificatePin, TrustsTheCertificateOrItsKey)
{
    EXPECT_TRUE(trusts({parse_fingerprint(kWhole).value()}));
    EXPECT_TRUE(trusts({parse_fingerprint(kKey).value()}));
    EXPECT_TRUE(trusts({std::string(64, '0'), parse_fingerprint(kKey).value()}));
}

TEST(CertificatePin, TrustsNothingElse)
{
    EXPECT_FALSE(trusts({}));
    EXPECT_FALSE(trusts({""}));
    EXPECT_FALSE(trusts({std::string(64, '0')}));
    EXPECT_FALSE(CertificatePin{{""}}.trusts(nullptr));
}

TEST(CertificatePin, TellsWhatItSaw)
{
    CertificatePin pin{{}};
    EXPECT_EQ(pin.seen(), "");
    pin.trusts(certificate().get());
    EXPECT_EQ(pin.seen(), "certificate sha256:" + parse_fingerprint(kWhole).value() + ", public key " + kKey);
}

TEST(CertificatePin, NeedsAContext) { EXPECT_FALSE(CertificatePin{{}}.install(nullptr)); }

TEST(Fingerprint, IsReadAsOpensslAndPostfixWriteIt)
{
    std::string pairs = "SHA256:", plain;
    for (int i = 0; i < 32; ++i) pairs += i == 0 ? "AB" : ":AB";
    for (int i = 0; i < 32; ++i) plain += "ab";
    EXPECT_EQ(parse_fingerprint(pairs).value(), plain);
    EXPECT_EQ(parse_fingerprint("sha256:" + plain).value(), plain);
}

std::string why(std::string const& text)
{
    auto const parsed = parse_fingerprint(text);
    if (parsed) return "";
    std::string const head = "\"" + text + "\" is no fingerprint: ";
    std::string const tail = "; write sha256: and 64 hex digits, with or without colons between pairs";
    auto const& words = parsed.error().message;
    EXPECT_TRUE(words.starts_with(head) && words.ends_with(tail)) << words;
    return words.substr(head.size(), words.size() - head.size() - tail.size());
}

TEST(Fingerprint, SaysWhatIsWrong)
{
    EXPECT_EQ(why(""), "it does not begin with sha256:");
    EXPECT_EQ(why("sha1:" + std::string(40, 'a')), "it does not begin with sha256:");
    EXPECT_EQ(why("sha256:"), "it has 0 digits");
    EXPECT_EQ(why("sha256:" + std::string(63, 'a')), "it has 63 digits");
    EXPECT_EQ(why("sha256:" + std::string(65, 'a')), "it has 65 digits");
    EXPECT_EQ(why("sha256:" + std::string(63, 'a') + "g"), "it holds other characters than hex digits");
    EXPECT_EQ(why("sha256: " + std::string(63, 'a')), "it holds other characters than hex digits");
    EXPECT_EQ(why("sha256:" + std::string(95, 'a')), "its colons do not stand between pairs");
    EXPECT_EQ(why("sha256:aa:" + std::string(62, 'a')), "its colons do not stand between pairs");
}

}   // namespace
}   // namespace mailcore::crypto
