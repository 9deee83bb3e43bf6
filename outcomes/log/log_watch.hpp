// Wakes who polls when something happens in a directory, or when a time has passed.
#pragma once

#include <chrono>
#include <string>

#include "core/base/fd.hpp"

namespace mailcore::outcomes {

class LogWatch {
public:
    explicit LogWatch(std::string directory);   // may be missing: looked for again by every look()

    void look();                                         // forgets what woke us: call it before looking at the files
    void wake_after(std::chrono::milliseconds at_most);   // even if nothing changes
    bool sees_changes() const { return watch_ >= 0; }
    int descriptor() const { return both_.get(); }   // -1 where the kernel gave none

private:
    void empty_changes();

    std::string directory_;
    base::Fd changes_, timer_, both_;
    int watch_ = -1;
};

}   // namespace mailcore::outcomes
