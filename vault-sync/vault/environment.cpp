#include "vault-sync/vault/environment.hpp"
