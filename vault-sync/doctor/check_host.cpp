// The way to Vault, and what this host could give away.

#include "core/base/text.hpp"
#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

bool is_local(std::string_view address)
{
    for (std::string_view const start : {"http://127.", "http://localhost", "http://[::1]", "unix:"}) {
        if (address.starts_with(start)) return true;
    }
    return false;
}

void check_address(Examination& e)
{
    auto const& vault = e.settings.vault;
    if (vault.skip_verify) {
        e.failed("vault_tls", "VAULT_SKIP_VERIFY is set: anybody on the way can be Vault",
                 "unset VAULT_SKIP_VERIFY; set vault.ca_cert");
    } else if (vault.address.empty() || vault.address.starts_with("https://")) {
        e.passed("vault_tls", "Vault is reached over https");
    } else if (is_local(vault.address)) {
        e.passed("vault_tls", "Vault, or its agent, is on this host: " + vault.address);
    } else {
        e.failed("vault_tls", "secrets cross the network unencrypted: " + vault.address,
                 "set vault.address to https://…");
    }
}

void check_login(Examination& e)
{
    auto const& auth = e.settings.vault.auth;
    if (e.facts.token_is_root) {
        return e.failed("vault_login", "the token is Vault's root token",
                        "use auth.method: approle, with a policy that reads these paths only");
    }
    if (auth.method == "token" && auth.token_file.empty()) {
        return e.warned("vault_login", "a token from the environment does not rotate",
                        "use auth.method: approle, or token_file kept by an agent");
    }
    e.passed("vault_login", "auth.method is " + auth.method);
}

void check_environment(Examination& e)
{
    std::string found;
    for (auto const* name : {"SMTP_PASSWORD", "SMTP_USER", "SMTP_USERNAME"}) {
        if (e.host.environment.contains(name)) found += (found.empty() ? "" : ", ") + std::string{name};
    }
    if (found.empty()) return e.passed("environment", "no SMTP login is in the environment");
    auto const cure = "take it out of the unit, of .env and of the shell; keep it in Vault";
    if (e.settings.mode == "production") e.failed("environment", found + " in the environment", cure);
    else e.warned("environment", found + " in the environment (mode: development)", cure);
}

void check_mode(Examination& e)
{
    if (e.settings.mode == "production") return e.passed("mode", "mode is production");
    e.warned("mode", "mode is " + e.settings.mode + ": logins from the environment are taken", "set mode: production");
}

void check_memory(Examination& e)
{
    if (e.facts.memory_is_locked) e.passed("locked_memory", "secrets are kept out of swap");
    else
        e.warned("locked_memory", "memory for secrets could not be locked, it may reach swap",
                 "raise LimitMEMLOCK (ulimit -l) to 2 MiB");
    if (e.host.suid_dumpable != 1) e.passed("core_files", "fs.suid_dumpable = " + std::to_string(e.host.suid_dumpable));
    else
        e.warned("core_files", "fs.suid_dumpable = 1: core files of privileged programs are readable",
                 "sysctl -w fs.suid_dumpable=0");
}

void check_units(Examination& e)
{
    if (!e.host.is_systemd)
        return e.not_applicable("units", "systemd does not run here; start vault-sync watch, or once from cron");
    if (!e.host.installed_units.contains("vault-sync.service")) {
        return e.warned("units", "vault-sync.service is not installed",
                        "install the package, or systemd/vault-sync.service");
    }
    bool const watches = e.host.enabled_units.contains("vault-sync.service");
    bool const timed = e.host.enabled_units.contains("vault-sync-once.timer");
    if (watches && timed)
        e.warned("units", "vault-sync.service and vault-sync-once.timer are both enabled",
                 "systemctl disable --now vault-sync-once.timer");
    else if (watches || timed)
        e.passed("units", watches ? "vault-sync.service is enabled" : "vault-sync-once.timer is enabled");
    else
        e.failed("units", "nothing starts vault-sync: a rotated secret is not taken over",
                 "systemctl enable --now vault-sync.service");
}

}   // namespace

void check_host(Examination& e)
{
    check_mode(e);
    check_address(e);
    check_login(e);
    check_environment(e);
    check_memory(e);
    check_units(e);
}

}   // namespace mailcore::vault_sync
