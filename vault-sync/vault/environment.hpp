// The VAULT_* and BAO_* variables of the official clients: they fill what the configuration does not set. BAO_X wins over
// VAULT_X, even when it is empty. A token is taken out of the environment, the block's own bytes overwritten.
#pragma once

#include "core/base/result.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

// Fails on a value that the official client refuses, too (VAULT_SKIP_VERIFY=perhaps, a client certificate without key).
base::Result<> fill_from_environment(VaultSettings& settings);

}   // namespace mailcore::vault_sync
