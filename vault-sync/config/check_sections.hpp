// What the rows cannot say about one section of vault-sync.yaml. The reader calls these where it has read the section.
#pragma once

#include "core/config/read.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

void check_section(config::Reader&, config::Path const&, config::Node const&, AuthSettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, VaultSettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, RelaySettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, CacheSettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, VerifySettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, HooksSettings const&);
void check_section(config::Reader&, config::Path const&, config::Node const&, SyncMetricsSettings const&);

}   // namespace mailcore::vault_sync
