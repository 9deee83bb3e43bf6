#include "outcomes/log/log_watch.hpp"

#include <array>
#include <cstring>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

namespace mailcore::outcomes {
namespace {

constexpr std::uint32_t kChanges = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kDirectoryWent = IN_IGNORED | IN_MOVE_SELF | IN_UNMOUNT;

void add(base::Fd const& both, base::Fd const& one)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = one.get();
    if (one) ::epoll_ctl(both.get(), EPOLL_CTL_ADD, one.get(), &event);
}

timespec timespec_of(std::chrono::milliseconds duration)
{
    using namespace std::chrono;
    auto const whole = floor<seconds>(duration);
    return {static_cast<std::time_t>(whole.count()), static_cast<long>(nanoseconds{duration - whole}.count())};
}

}   // namespace

LogWatch::LogWatch(std::string directory)
    : directory_{std::move(directory)},
      changes_{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)},
      timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)},
      both_{::epoll_create1(EPOLL_CLOEXEC)}
{
    add(both_, changes_);
    add(both_, timer_);
}

void LogWatch::look()
{
    empty_changes();
    if (watch_ < 0 && changes_) watch_ = ::inotify_add_watch(changes_.get(), directory_.c_str(), kChanges);
}

void LogWatch::wake_after(std::chrono::milliseconds at_most)
{
    itimerspec const once{{}, timespec_of(at_most)};
    ::timerfd_settime(timer_.get(), 0, &once, nullptr);   // what it had to tell is forgotten, too
}

void LogWatch::empty_changes()
{
    alignas(inotify_event) std::array<char, 16'384> events;
    for (;;) {
        auto const got = ::read(changes_.get(), events.data(), events.size());
        if (got <= 0) return;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event{};
            std::memcpy(&event, events.data() + at, sizeof event);
            if (event.wd == watch_ && (event.mask & kDirectoryWent) != 0) {
                ::inotify_rm_watch(changes_.get(), watch_);
                watch_ = -1;
            }
            at += sizeof event + event.len;
        }
    }
}

}   // namespace mailcore::outcomes
