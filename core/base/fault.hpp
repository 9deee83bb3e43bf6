// Places where a test makes the program die or fail, to prove that a kill at any step heals: compiled in with
// -DMAILCORE_FAULTS=ON (presets dev and tsan), nothing in a release.
//
//     MAILCORE_FAULT=generation.renamed vault-sync once     SIGKILL at that place
//     MAILCORE_FAULT=map.write:ENOSPC   vault-sync once     that step fails with this errno
#pragma once

#include <string_view>

namespace mailcore::base {

#ifdef MAILCORE_FAULTS
// True, with errno set, when the step should fail; does not return when it should die.
bool fault_point(std::string_view name);
#else
constexpr bool fault_point(std::string_view) { return false; }
#endif

}   // namespace mailcore::base
