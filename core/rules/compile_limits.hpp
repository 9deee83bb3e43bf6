// The limits of one tenant, from its settings.
#pragma once

#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"
#include "core/rules/limit.hpp"

namespace mailcore::rules {

// A rate that cannot be counted is complained of at its place; settings that the reader has refused are not again.
std::vector<Limit> compile_limits(std::vector<config::LimitSettings> const& settings, config::Diagnostics& problems);

// The same list as text: equal limits give equal text.
std::string limits_text(std::vector<config::LimitSettings> const& settings);

}   // namespace mailcore::rules
