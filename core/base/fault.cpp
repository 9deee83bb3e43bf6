#include "core/base/fault.hpp"
