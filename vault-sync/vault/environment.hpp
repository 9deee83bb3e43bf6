// The VAULT_* and BAO_* variables of the official clients: they fill what the configuration does not set. BAO_X wins
// over VAULT_X, even when it is empty. A token is taken out of the environment, the block's own bytes overwritten.
#pragma once

#include "core/base/result.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

// ADDR, AGENT_ADDR (preferred), NAMESPACE, CACERT > CACERT_BYTES > CAPATH, CLIENT_CERT with CLIENT_KEY (or both
// _BYTES), TLS_SERVER_NAME, SKIP_VERIFY, CLIENT_TIMEOUT, MAX_RETRIES, PROXY_ADDR > HTTP_PROXY, DISABLE_REDIRECTS,
// TOKEN, and BAO_TOKEN_PATH. Afterwards address, timeout and retries have their final values. Fails on a value that the
// official client refuses, too (VAULT_SKIP_VERIFY=perhaps, a client certificate without key).
base::Result<> fill_from_environment(VaultSettings& settings);

}   // namespace mailcore::vault_sync
