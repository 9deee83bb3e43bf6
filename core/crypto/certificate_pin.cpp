#include "core/crypto/certificate_pin.hpp"
