#include "core/crypto/secure_heap.hpp"
