#include "vault-sync/relay/relay.hpp"
