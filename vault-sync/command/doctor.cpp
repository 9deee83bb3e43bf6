#include "vault-sync/command/commands.hpp"

namespace mailcore::vault_sync {

int doctor(Common const&) { return complain({"not built yet"}); }

}   // namespace mailcore::vault_sync
