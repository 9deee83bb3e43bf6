#include "vault-sync/maps/render.hpp"
