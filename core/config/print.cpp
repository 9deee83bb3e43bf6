#include "core/config/print.hpp"

#include "core/config/load.hpp"
#include "core/config/settings_fields.hpp"

namespace mailcore::config {

std::string print_config(Settings const& settings)
{
    std::string out;
    auto effective = settings;
    effective.include.clear();   // what they brought stands below, in tenants
    print_block(out, effective, "");
    return out;
}

}   // namespace mailcore::config
