// Times and sizes as an operator writes them: "10s", "90d", "25MiB".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::base {

inline constexpr std::chrono::milliseconds kLongestDuration = std::chrono::hours{24 * 36'500};   // a century

// A whole number and a unit: ms, s, m, h, d, w. "0" needs none. At most kLongestDuration.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);   // in the largest unit that divides it: "10m"

// A whole number of bytes, or with a unit: KiB, MiB, GiB (1024), kB, MB, GB (1000).
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);   // in the largest binary unit that divides it: "25MiB"

}   // namespace mailcore::base
