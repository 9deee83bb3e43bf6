#include "vault-sync/maps/generation.hpp"
