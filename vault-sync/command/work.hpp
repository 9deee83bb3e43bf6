// What follows every pass, whichever command ran it: ages, hooks, the metrics' text file.
#pragma once

#include "core/observe/sync_metrics.hpp"
#include "vault-sync/apply/age.hpp"
#include "vault-sync/apply/pass.hpp"
#include "vault-sync/command/session.hpp"

namespace mailcore::vault_sync {

// Calls the hooks that apply. watch tells the same failure once, not at every pass.
enum class TellFailure { No, Yes };
void finish_pass(Session& session, PassReport const& report, TellFailure tell_failure);

// A hook that fails is said, and changes nothing.
void tell_hook(Session& session, std::vector<std::string> const& hook, std::string const& facts);

// What the state says, for the metrics; counters are the caller's.
observe::SyncFacts facts_of(Session& session, State const& state, std::uint64_t generation);
void write_textfile(Session& session, std::string const& text);

}   // namespace mailcore::vault_sync
