// How often this program has asked for memory by `new`. Counted by the operators in allocations.cpp.
#pragma once

#include <cstddef>

namespace mailcore::outcomes::test {

std::size_t allocations();

}   // namespace mailcore::outcomes::test
