// Authenticated encryption for what rests on disk: AES-256-GCM with a random 96-bit nonce.
// Layout: "mcseal1\n" | nonce (12) | ciphertext | tag (16).
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::crypto {

inline constexpr std::size_t kSealKeyBytes = 32;

// `key` is 32 bytes. `bound` is associated data: what the text belongs to; opening it elsewhere fails.
base::Result<std::string> seal(base::Secret const& key, std::string_view text, std::string_view bound);

// Fails with the same words whether a byte, the key or `bound` differs: GCM cannot tell, and nobody should learn it.
base::Result<base::Secret> unseal(base::Secret const& key, std::string_view sealed, std::string_view bound);

}   // namespace mailcore::crypto
