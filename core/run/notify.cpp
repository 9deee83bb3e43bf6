#include "core/run/notify.hpp"

#include <ctime>
#include <systemd/sd-daemon.h>

namespace mailcore::run {

void notify_ready(std::string const& status) { ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }

void notify_reloading()
{
    timespec now{};   // systemd wants to know since when, sd_notify(3) RELOADING=1
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    auto const micros = now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
    ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros)).c_str());
}

void notify_status(std::string const& status) { ::sd_notify(0, ("STATUS=" + status).c_str()); }
void notify_stopping() { ::sd_notify(0, "STOPPING=1"); }
void notify_alive() { ::sd_notify(0, "WATCHDOG=1"); }

std::chrono::microseconds watchdog_interval()
{
    std::uint64_t micros = 0;
    return std::chrono::microseconds{::sd_watchdog_enabled(0, &micros) > 0 ? static_cast<std::int64_t>(micros) : 0};
}

}   // namespace mailcore::run
