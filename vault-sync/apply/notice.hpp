// What a pass has to say while it works: an event of the catalogue with its words. watch logs them, the other commands
// print them.
#pragma once

#include <functional>
#include <string>

#include "core/observe/events.hpp"

namespace mailcore::vault_sync {

struct Notice {
    observe::Event const* event;
    std::string relay;   // "" = of no one relay
    std::string words;   // one line, without secrets
};

using Notify = std::function<void(Notice const&)>;

}   // namespace mailcore::vault_sync
