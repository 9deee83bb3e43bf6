// The key-value engines: where a secret lies below its mount, and what an answer holds. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "vault-sync/source/record.hpp"
#include "vault-sync/vault/client.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace mailcore::vault_sync {

enum class KvVersion { Unknown = 0, One = 1, Two = 2 };

struct Mount {
    std::string path;   // "secret", "kv/team"; "" = not known
    KvVersion version = KvVersion::Unknown;
};

// Without slashes at both ends. Fails on what cannot be a secret's path: "", "a//b", "a/../b", control characters.
base::Result<std::string> clean_path(std::string_view written);

bool lies_below(std::string_view path, std::string_view mount);

// With namespaces the server may name the mount with the namespace in front: leading parts go until the path lies below
// what is left, as the official client does. "" if none fits.
std::string fitting_mount(std::string_view path, std::string_view named);

// "secret/data/keybuzz/smtp" for either form of the path; KV 1 wants it as it is.
std::string read_path(std::string_view path, Mount const& mount);

// Where the mount cannot be asked for: every place it could end, for KV 2, then the path as it is. Few: paths are
// short.
std::vector<Mount> possible_mounts(std::string_view path, Mount const& known);

// A record from an answer's "data", or why there is none: Deleted, Malformed. Nothing if it is no answer of that kind.
VaultResult<SecretRecord> read_record(std::string const& path, JsonNode data);

}   // namespace mailcore::vault_sync
