// Trust by fingerprint: a server's certificate, or its public key, must have one of these SHA-256 digests. Chain, name
// and expiry do not matter then, as at Postfix's level `fingerprint`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::crypto {

// "sha256:AB:CD…", "sha256:abcd…", colons optional: 64 lower-case hex digits.
base::Result<std::string> parse_fingerprint(std::string_view text);

class CertificatePin {
public:
    explicit CertificatePin(std::vector<std::string> fingerprints);   // as parse_fingerprint gives them
    CertificatePin(CertificatePin const&) = delete;                   // the SSL_CTX holds its address
    CertificatePin& operator=(CertificatePin const&) = delete;

    // To be given to libcurl's hook for an SSL_CTX: replaces OpenSSL's verification. This object must outlive it.
    bool install(void* ssl_context);

    // What the server showed, for the message when none matched: "certificate sha256:…, public key sha256:…".
    std::string const& seen() const { return seen_; }

    bool trusts(void* certificate);   // an X509; remembers it as seen

private:
    std::vector<std::string> fingerprints_;
    std::string seen_;
};

}   // namespace mailcore::crypto
