// Certificates made on the spot, for tests that speak TLS.
#pragma once

#include <string>

namespace mailcore::testing {

struct Identity {
    std::string certificate;   // PEM
    std::string key;           // PEM
};

Identity make_authority(std::string const& name = "Test CA");

// names as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1". Self-signed without an issuer.
Identity make_identity(std::string const& names, Identity const* issuer = nullptr);

}   // namespace mailcore::testing
