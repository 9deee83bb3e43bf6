#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

std::string_view word(Source source)
{
    switch (source) {
        case Source::Vault: return "vault";
        case Source::File: return "file";
        case Source::Environment: return "environment";
        case Source::Cache: return "cache";
    }
    return "";
}

SecretRecord SecretRecord::copy() const
{
    SecretRecord copy{source, path, version, created, custom_metadata, {}};
    for (auto const& [name, value] : fields) copy.fields.emplace(name, value.copy());
    return copy;
}

}   // namespace mailcore::vault_sync
