// Goes back by itself when, after a switch, deliveries start to be refused for authentication where the former
// generation's were not. Evidence is `delay_reason` in Postfix's queue; only to a generation whose login works now; once
// for each generation; then held.
#pragma once

#include <optional>

#include "vault-sync/apply/pass.hpp"

namespace mailcore::vault_sync {

// Cheap where no switch was made within auto_rollback.window. Nothing: there was no reason, or no way.
std::optional<RollbackReport> roll_back_if_refused(Workshop& workshop);

}   // namespace mailcore::vault_sync
