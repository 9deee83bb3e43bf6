// Numbers as they stand in values on disk: 8 bytes, the least significant first, whatever the machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailcore::store {

inline void append_number(std::string& out, std::uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(number >> shift);
}

// The number at this offset; the caller has seen that there are 8 bytes.
inline std::uint64_t number_at(std::string_view bytes, std::size_t offset)
{
    std::uint64_t number = 0;
    for (unsigned i = 0; i < 8; ++i) number |= std::uint64_t{static_cast<unsigned char>(bytes[offset + i])} << (8 * i);
    return number;
}

}   // namespace mailcore::store
