// How many instructions of this thread's own code some work takes: the figure that a busy machine does not blur.
// Containers and many virtual machines do not let the processor count; then there is none, unless the program runs
// under `valgrind --tool=callgrind --instr-atstart=no`: callgrind dumps the count under the work's name.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/base/fd.hpp"

namespace mailcore::bench {

class InstructionCounter {
public:
    InstructionCounter();
    std::optional<std::uint64_t> count(char const* name, std::function<void()> const& work);

private:
    base::Fd event_;
};

}   // namespace mailcore::bench
