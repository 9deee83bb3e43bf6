#include "core/crypto/seal.hpp"
