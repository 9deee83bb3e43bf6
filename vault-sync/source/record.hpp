// A secret as its source gave it: fields by name, and where it came from. What the fields mean is credentials.hpp's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"

namespace mailcore::vault_sync {

enum class Source { Vault, File, Environment, Cache };
std::string_view word(Source source);   // "vault", "file", "environment", "cache"

// Values as text, whatever their JSON type was: "587", "true". A null is left out.
using SecretFields = std::map<std::string, base::Secret, std::less<>>;

struct SecretRecord {
    Source source = Source::Vault;
    std::string path;                                    // "secret/keybuzz/smtp", "/vault/secrets/smtp", "environment"
    std::uint64_t version = 0;                           // KV 2; 0 = none
    std::optional<base::Time> created;                   // of this version; KV 1 and files have none
    std::map<std::string, std::string> custom_metadata;  // KV 2: rotated_at, rotation_days
    SecretFields fields;

    SecretRecord copy() const;
};

}   // namespace mailcore::vault_sync
