// From a generation that is built to Postfix using it: the rename, the one reload, the flush; and what was left of that
// by a run that was killed, failed, or found Postfix stopped.
#pragma once

#include <cstdint>

#include "vault-sync/apply/pass.hpp"

namespace mailcore::vault_sync {

class Switcher {
public:
    Switcher(Workshop& workshop, State& state) : workshop_{workshop}, state_{state} {}

    // Builds, remembers that a reload will be owed, renames, reloads, flushes. `state` was filled with what else must be
    // known from the switch on; it is saved before the rename.
    base::Result<> switch_to(Generation const& generation, std::optional<Generation> const& former);

    // Makes up the reload that a former run owes. False when Postfix runs and refuses it: nothing may be switched then,
    // since running processes would miss the lines of the generation that they still use.
    bool settle();

private:
    bool reload();
    void flush();
    void say(observe::Event const& event, std::string words) { workshop_.notify({&event, "", std::move(words)}); }

    Workshop& workshop_;
    State& state_;
};

}   // namespace mailcore::vault_sync
