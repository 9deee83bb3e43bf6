// Keyed digests and their comparison. The one door to OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::crypto {

using Sha256 = std::array<unsigned char, 32>;

Sha256 hmac_sha256(base::Secret const& key, std::string_view text);

// In time that does not depend on where they differ.
bool equal_in_constant_time(std::string_view left, std::string_view right);

std::string base64(std::string_view bytes);
base::Result<std::string> from_base64(std::string_view text);   // strict: RFC 4648 4, padding required, no blanks

std::string random_bytes(std::size_t count);   // from the system's generator; throws only if that fails

}   // namespace mailcore::crypto
