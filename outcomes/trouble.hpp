// Trouble of one kind: told at first, once a minute while it lasts, and at once where it has other words; its end only where it
// was told. One that comes and goes is told no more often.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "core/base/clock.hpp"

namespace mailcore::outcomes {

// One thread at a time.
class Trouble {
public:
    bool begins(base::Stopwatch::time_point now, std::string const& words = {})   // whether to tell it now
    {
        if (told_at_ && words == told_ && now - *told_at_ < std::chrono::minutes{1}) return false;
        told_at_ = now;
        told_ = words;
        is_told_ = true;
        return true;
    }
    bool ends() { return std::exchange(is_told_, false); }                        // whether to tell its end

private:
    std::optional<base::Stopwatch::time_point> told_at_;
    std::string told_;
    bool is_told_ = false;
};

}   // namespace mailcore::outcomes
