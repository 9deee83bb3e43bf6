#include "vault-sync/config/load.hpp"
