#include "vault-sync/relay/credentials.hpp"
