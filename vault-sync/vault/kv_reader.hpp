// Reads a secret of KV 1 or 2, finding out which it is and where the mount ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault-sync/vault/kv.hpp"
#include "vault-sync/vault/transport.hpp"

namespace mailcore::vault_sync {

class KvReader {
public:
    // `kv_version`: auto, 1 or 2, as configured.
    KvReader(std::string const& kv_version, Transport& transport);

    VaultResult<SecretRecord> read(std::string const& path, std::string const& mount, base::Secret const& token);

private:
    // What came of one place. Nothing in `record`'s stead where the path has the other version's form.
    struct Attempt {
        std::optional<VaultResult<SecretRecord>> result;
    };
    static bool is_denied(Attempt const& attempt);
    static bool is_elsewhere(Attempt const& attempt);
    Attempt read_at(std::string const& path, Mount const& mount, base::Secret const& token);
    Attempt ask(std::string const& path, std::string const& place, base::Secret const& token);
    VaultResult<Mount> find_mount(std::string const& path, std::string const& mount, base::Secret const& token);
    VaultResult<SecretRecord> read_known(std::string const& path, Mount mount, base::Secret const& token);
    VaultResult<SecretRecord> read_possible(std::string const& path, Mount const& known, base::Secret const& token);
    VaultResult<SecretRecord> wrong_form(std::string const& path, Mount const& mount) const;
    void remember(Mount const& mount);

    KvVersion configured_ = KvVersion::Unknown;
    Transport* transport_;
    std::vector<Mount> mounts_;   // no mount lies below another: Vault sees to that
};

}   // namespace mailcore::vault_sync
