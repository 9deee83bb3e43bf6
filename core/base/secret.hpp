// Text that must not be seen: it lives in memory that is wiped when it goes, moves but never copies by accident, and has
// no way to be printed. grep for reveal() to see every use.
//
// Where the memory comes from: the ordinary heap, until crypto::open_secure_heap() has been called (locked, not dumped).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mailcore::base {

// Set once, before threads start. What was allocated before is released as it was allocated.
struct SecretMemory {
    void* (*allocate)(std::size_t bytes);            // null when there is none left: the ordinary heap serves then
    void (*release)(void* memory, std::size_t bytes);   // wipes first
};
void use_secret_memory(SecretMemory const& memory);

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view value) { append(value); }
    explicit Secret(std::string&& value);   // wipes what it took
    explicit Secret(char const* value) : Secret{std::string_view{value}} {}
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(Secret const&) = delete;
    Secret& operator=(Secret const&) = delete;
    ~Secret();

    std::string_view reveal() const { return {data_, size_}; }   // the one way to read it
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    Secret copy() const { return Secret{reveal()}; }
    void append(std::string_view more);          // wipes what it outgrows; more may not point into this
    void reserve(std::size_t bytes);
    std::span<char> bytes()   // for parsing in place; data()[size()] is a writable NUL, even when empty
    {
        reserve(size_);
        return {data_, size_};
    }
    void clear();                                // wipes
    bool operator==(Secret const& other) const;  // in time that does not depend on where they differ

private:
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    SecretMemory const* memory_ = nullptr;   // whose data_ is
};

}   // namespace mailcore::base
