#include "vault-sync/apply/postfix.hpp"
