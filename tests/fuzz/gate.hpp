// A small gate to decide by: one ruleset with every kind of rule, made once.
#pragma once

#include "core/rules/ruleset.hpp"

namespace mailcore::fuzz {

rules::Ruleset const& gate();

}   // namespace mailcore::fuzz
