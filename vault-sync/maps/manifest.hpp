// manifest.json of a generation: what it was made of, without any secret. Users are none of its business either, since
// some providers give the same token as user and password; both stand in sasl_passwd.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "vault-sync/maps/generation.hpp"

namespace mailcore::vault_sync {

std::string write_manifest(Generation const& generation, std::vector<std::string> const& carried,
                           std::string const& map_type);

struct Manifest {
    Generation generation;             // relays without users and passwords
    std::vector<std::string> logins;   // names of the relays that have them
};
base::Result<Manifest> read_manifest(std::string_view text);

}   // namespace mailcore::vault_sync
