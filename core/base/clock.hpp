// Time as a value. Code that decides takes a Time; only programs ask the clock.
#pragma once

#include <chrono>
#include <string>

namespace mailcore::base {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

inline Time now() { return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()); }

// For measuring how long something took; never goes back.
using Stopwatch = std::chrono::steady_clock;

}   // namespace mailcore::base
