// A configuration as the daemons need it: the rules, and a store of limits that can be opened.
#pragma once

#include <string>

#include "core/base/result.hpp"
#include "core/config/diagnostics.hpp"
#include "core/rules/read.hpp"

namespace mailcore::gate {

// As rules::read_configuration(), and fails where no daemon could start for what limits.store says.
base::Result<rules::Configuration> read_configuration(std::string const& path);

// The same for `mailcorectl check`, which shows the problems itself.
rules::Configuration read_configuration(std::string const& path, config::Diagnostics& problems);

}   // namespace mailcore::gate
