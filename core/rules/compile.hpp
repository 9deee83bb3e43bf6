// Settings to Ruleset: pure, every problem at its place.
#pragma once

#include <memory>

#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::rules {

// With errors in `problems` the result is not to be used.
Ruleset compile(config::Settings const& settings, std::shared_ptr<mail::StampKeys const> keys,
                config::Diagnostics& problems);

}   // namespace mailcore::rules
