#include "core/base/child.hpp"
