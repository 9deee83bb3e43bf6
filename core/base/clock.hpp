// Time as a value. Code that decides takes a Time; only programs ask the clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mailcore::base {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

inline Time now() { return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()); }

// For measuring how long something took; never goes back.
using Stopwatch = std::chrono::steady_clock;

// RFC 3339 with 0 to 9 digits of a second's fraction, Z or an offset; or a date alone.
std::optional<Time> parse_time(std::string_view text);
std::string format_time(Time time);   // "2026-11-21T01:00:05Z"

}   // namespace mailcore::base
