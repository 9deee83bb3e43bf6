// Tells systemd how the daemon fares (sd_notify(3)); does nothing when systemd did not start it.
#pragma once

#include <string>

namespace mailcore::run {

void notify_ready(std::string const& status);
void notify_reloading();
void notify_status(std::string const& status);   // shown by systemctl status
void notify_stopping();

}   // namespace mailcore::run
