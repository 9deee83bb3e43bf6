// A trouble as the operator hears of it: when it begins, once a minute while it lasts, and its end if it was told.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "core/base/clock.hpp"

namespace mailcore::store {

// Either way, so that a clock that was set back does not silence us. Threads come with times read a little earlier.
inline bool has_passed(base::Time since, std::chrono::microseconds span, base::Time now)
{
    return now - since >= span || since - now >= span;
}

// Says whether it is to be told now. Safe from many threads.
class Trouble {
public:
    // At the start, when nobody has told us the time yet.
    void begins()
    {
        std::lock_guard const lock{mutex_};
        told_ = true;
        last_.reset();
    }
    bool lasts(base::Time now)
    {
        std::lock_guard const lock{mutex_};
        bool const first_time = told_ && !last_;
        if (last_ && !has_passed(*last_, kSayAgainAfter, now)) return false;
        last_ = now;
        told_ = true;
        return !first_time;
    }
    bool ends()   // whether it was told
    {
        if (!told_) return false;
        std::lock_guard const lock{mutex_};
        return told_.exchange(false);
    }

private:
    static constexpr std::chrono::minutes kSayAgainAfter{1};
    std::mutex mutex_;
    std::optional<base::Time> last_;
    std::atomic<bool> told_ = false;
};

}   // namespace mailcore::store
