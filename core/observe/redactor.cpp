#include "core/observe/redactor.hpp"
