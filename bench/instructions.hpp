// How many instructions of this thread's own code some work takes: the figure that a busy machine does not blur.
// Containers and many virtual machines do not let us count; then there is none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/base/fd.hpp"

namespace mailcore::bench {

class InstructionCounter {
public:
    InstructionCounter();
    std::optional<std::uint64_t> count(std::function<void()> const& work);

private:
    base::Fd event_;
};

}   // namespace mailcore::bench
