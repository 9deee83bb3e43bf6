#include "vault-sync/vault/client.hpp"
