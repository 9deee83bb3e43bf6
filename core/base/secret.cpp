#include "core/base/secret.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace mailcore::base {
namespace {

constexpr SecretMemory kOrdinaryHeap{
    [](std::size_t bytes) { return std::malloc(bytes); },
    [](void* memory, std::size_t bytes) {
        ::explicit_bzero(memory, bytes);
        std::free(memory);
    }};

SecretMemory chosen = kOrdinaryHeap;
SecretMemory const* in_use = &kOrdinaryHeap;

struct Block {
    char* data;
    SecretMemory const* memory;
};

Block allocate(std::size_t bytes)
{
    if (auto* const data = in_use->allocate(bytes)) return {static_cast<char*>(data), in_use};
    if (auto* const data = kOrdinaryHeap.allocate(bytes)) return {static_cast<char*>(data), &kOrdinaryHeap};
    throw std::bad_alloc{};
}

}   // namespace

void use_secret_memory(SecretMemory const& memory)
{
    chosen = memory;
    in_use = &chosen;
}

Secret::Secret(std::string&& value) : Secret{std::string_view{value}}
{
    value.resize(value.capacity());   // a moved-from or shortened string may keep old bytes behind its end
    ::explicit_bzero(value.data(), value.size());
    value.clear();
}

Secret::Secret(Secret&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)},
      capacity_{std::exchange(other.capacity_, 0)}, memory_{std::exchange(other.memory_, nullptr)}
{
}

Secret& Secret::operator=(Secret&& other) noexcept
{
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(memory_, other.memory_);
    if (this != &other) other.clear();
    return *this;
}

Secret::~Secret() { clear(); }

void Secret::clear()
{
    if (data_ != nullptr) memory_->release(data_, capacity_ + 1);
    data_ = nullptr;
    size_ = capacity_ = 0;
}

void Secret::reserve(std::size_t bytes)
{
    if (data_ != nullptr && bytes <= capacity_) return;
    auto const block = allocate(bytes + 1);
    if (size_ > 0) std::copy_n(data_, size_, block.data);
    block.data[size_] = '\0';
    auto const size = size_;
    clear();
    data_ = block.data;
    memory_ = block.memory;
    size_ = size;
    capacity_ = bytes;
}

void Secret::append(std::string_view more)
{
    if (more.empty()) return;
    if (data_ == nullptr || size_ + more.size() > capacity_) reserve(std::max(size_ + more.size(), capacity_ * 2));   // null: capacity_ is 0
    std::copy(more.begin(), more.end(), data_ + size_);
    size_ += more.size();
    data_[size_] = '\0';
}

bool Secret::operator==(Secret const& other) const
{
    if (size_ != other.size_) return false;   // lengths are no secret
    unsigned char difference = 0;
    for (std::size_t i = 0; i < size_; ++i) difference = static_cast<unsigned char>(difference | (data_[i] ^ other.data_[i]));
    return difference == 0;
}

}   // namespace mailcore::base
