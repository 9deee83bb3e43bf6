// Hooks: the operator's programs, told what happened as one JSON object on standard input. No secret is among the facts.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "vault-sync/apply/age.hpp"
#include "vault-sync/apply/pass.hpp"

namespace mailcore::vault_sync {

std::string change_facts(PassReport const& report, base::Time now);
std::string rollback_facts(RollbackReport const& report, bool automatic, base::Time now);   // for on_change, too
std::string failure_facts(PassReport const& report, int exit_code, base::Time now);
std::string overdue_facts(std::vector<SecretAge> const& ages, base::Time now);

// Does nothing without arguments. Fails in words when it cannot be started, takes too long, or ends with another status.
base::Result<> run_hook(std::vector<std::string> const& hook, std::string const& facts, std::chrono::milliseconds timeout);

}   // namespace mailcore::vault_sync
