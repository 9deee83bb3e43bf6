#include <iostream>

#include "core/config/load.hpp"
#include "core/observe/events.hpp"
#include "core/observe/metrics.hpp"
#include "ctl/commands.hpp"

namespace mailcore::ctl {

int reference(std::string const& page)
{
    if (page == "config") std::cout << config::print_reference();
    else if (page == "man-keys") std::cout << config::print_man_keys();
    else if (page == "events") std::cout << observe::events_reference();
    else std::cout << observe::metrics_reference();
    return 0;
}

}   // namespace mailcore::ctl
