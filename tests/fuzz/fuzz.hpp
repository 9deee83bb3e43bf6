// What the fuzz targets share. A target is one function over bytes; it holds if it returns. Built twice: with libFuzzer
// (-DMAILCORE_LIBFUZZER=ON, clang) it hunts, with standalone_runner.cpp it replays files in ctest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace mailcore::fuzz {

inline base::Time const kNow{std::chrono::seconds{1'795'222'800}};   // every run decides at the same moment

inline std::string_view text_of(std::uint8_t const* data, std::size_t size)
{
    return {reinterpret_cast<char const*>(data), size};
}

// Aborts, saying so, where a property does not hold: libFuzzer and ctest both count that as a finding.
void require(bool holds, std::string_view property, std::string_view shown = {});

// Bytes 0x20 to 0x7E only, as everything must be that we send to a client or print to a terminal.
bool is_printable(std::string_view text);

}   // namespace mailcore::fuzz
