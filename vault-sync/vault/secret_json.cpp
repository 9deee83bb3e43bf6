#include "vault-sync/vault/secret_json.hpp"
