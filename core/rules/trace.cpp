#include "core/rules/trace.hpp"

namespace mailcore::rules {

void Trace::add(std::string step, std::string text) { steps.push_back({std::move(step), std::move(text)}); }

}   // namespace mailcore::rules
