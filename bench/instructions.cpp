#include "bench/instructions.hpp"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) static_cast<void>(name)
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

namespace mailcore::bench {

namespace {

void run_for_callgrind(char const* name, std::function<void()> const& work)
{
    CALLGRIND_START_INSTRUMENTATION;   // these four are next to nothing outside of valgrind
    CALLGRIND_ZERO_STATS;
    work();
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}

}   // namespace

InstructionCounter::InstructionCounter()
{
    auto wish = perf_event_attr{};
    wish.type = PERF_TYPE_HARDWARE;
    wish.size = sizeof wish;
    wish.config = PERF_COUNT_HW_INSTRUCTIONS;
    wish.disabled = 1;
    wish.exclude_kernel = 1;
    wish.exclude_hv = 1;
    event_.reset(static_cast<int>(::syscall(SYS_perf_event_open, &wish, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::optional<std::uint64_t> InstructionCounter::count(char const* name, std::function<void()> const& work)
{
    if (!event_) {
        run_for_callgrind(name, work);
        return std::nullopt;
    }
    ::ioctl(event_.get(), PERF_EVENT_IOC_RESET, 0);
    ::ioctl(event_.get(), PERF_EVENT_IOC_ENABLE, 0);
    work();
    ::ioctl(event_.get(), PERF_EVENT_IOC_DISABLE, 0);
    auto counted = std::uint64_t{0};
    if (::read(event_.get(), &counted, sizeof counted) != sizeof counted) return std::nullopt;
    return counted;
}

}   // namespace mailcore::bench
