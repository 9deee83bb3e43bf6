#include "vault-sync/apply/verify.hpp"
