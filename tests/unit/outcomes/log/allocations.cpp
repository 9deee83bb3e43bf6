#include "tests/unit/outcomes/log/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};

}   // namespace

void* operator new(std::size_t size)
{
    ++count;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mailcore::outcomes::test {

std::size_t allocations() { return count; }

}   // namespace mailcore::outcomes::test
