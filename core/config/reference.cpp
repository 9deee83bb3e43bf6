#include "core/config/load.hpp"
#include "core/config/print.hpp"
#include "core/config/settings_fields.hpp"

namespace mailcore::config {

std::string print_reference() { return {}; }
std::string print_man_keys() { return {}; }

}   // namespace mailcore::config
