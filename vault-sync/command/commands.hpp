// The commands of vault-sync. Each returns the exit code of the contract.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.hpp"

namespace mailcore::vault_sync {

struct Common {
    std::string config = "/etc/mailcore/vault-sync.yaml";
    bool json = false;
    bool detailed = false;   // --detailed-exitcode
};

struct VerifyOptions {
    std::string relay;       // "" = all
    bool current = false;    // what Postfix uses, not what Vault holds
    std::string send_test;   // address; "" = none
};

int check(Common const& common);
int print_config(Common const& common);
int once(Common const& common, bool force);
int use(Common const& common, std::string const& relay, bool force);
int rollback(Common const& common, std::uint64_t generation);
int diff(Common const& common);
int verify(Common const& common, VerifyOptions const& options);
int generations(Common const& common);
int status(Common const& common);
int doctor(Common const& common);
int watch(Common const& common);
int reference(std::string const& page);   // config | man-keys

// "vault-sync: …" on standard error, without secrets; the exit code that fits.
int complain(base::Error const& error);

}   // namespace mailcore::vault_sync
