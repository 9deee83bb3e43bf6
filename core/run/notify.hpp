// Tells systemd how the daemon fares (sd_notify(3)); does nothing when systemd did not start it.
#pragma once

#include <chrono>
#include <string>

namespace mailcore::run {

void notify_ready(std::string const& status);
void notify_reloading();
void notify_status(std::string const& status);   // shown by systemctl status
void notify_stopping();
void notify_alive();             // WATCHDOG=1
std::chrono::microseconds watchdog_interval();   // how often at least; 0 = systemd does not watch

}   // namespace mailcore::run
