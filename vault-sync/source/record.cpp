#include "vault-sync/source/record.hpp"
