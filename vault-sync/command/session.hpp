// What a command works with, opened from the configuration: settings, what the environment gives, Vault (asked when first
// needed), cache, generations, state, audit.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/observe/log.hpp"
#include "vault-sync/apply/pass.hpp"
#include "vault-sync/vault/client.hpp"

namespace mailcore::vault_sync {

// Mode production refuses to start with SMTP credentials in the environment: names the variable and the cure.
base::Result<> refuse_plain_credentials(Settings const& settings);

// A sleep that a signal ends.
class StopSwitch {
public:
    void stop();    // everything that sleeps wakes, now and later
    void wake();    // the present sleep of `until` ends
    bool is_stopped() const;
    bool sleep(std::chrono::milliseconds time);                       // false: it is to stop
    // As sleep, but ended by wake(), too.
    bool sleep_or_wake(std::chrono::milliseconds time);

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    bool woken_ = false;
};

class Session {
public:
    // Fails with every problem of the configuration, and where mode production finds SMTP credentials in the environment.
    // `purpose` is for the audit log: "once", "verify".
    static base::Result<std::unique_ptr<Session>> open(std::string const& config, std::string purpose, StopSwitch& stop);

    // Opens output.directory and the state: before anything that works on generations. The directories are made.
    base::Result<> open_output();

    Settings const& settings() const { return settings_; }
    Workshop& workshop() { return *workshop_; }
    VaultClient* vault() { return vault_ ? &*vault_ : nullptr; }   // null: not asked yet
    void use_log(observe::Log* log) { log_ = log; }                // events go there instead of standard error
    void audit(std::string action, std::string path, std::uint64_t version, std::string purpose, std::string result);
    VerifyLimits verify_limits() const;
    Sleep sleep() const;

private:
    Session(Settings settings, std::string purpose, StopSwitch& stop);
    void connect();
    VaultResult<VaultClient*> ask_vault();
    VaultResult<SecretRecord> read_vault(std::string const& path, std::string const& mount);
    base::Result<std::optional<SecretRecord>> read_file(std::string const& path);
    base::Result<std::optional<SecretRecord>> read_cache(std::string const& path);
    std::optional<SecretRecord> read_environment();
    void tell(Notice const& notice);
    Transit transit();

    Settings settings_;
    std::string purpose_;
    StopSwitch& stop_;
    observe::Log* log_ = nullptr;
    std::optional<observe::Log> own_log_;              // where log.target is a file
    std::optional<SecretRecord> environment_record_;
    std::optional<VaultClient> vault_;
    std::unique_ptr<Cache> cache_;
    std::optional<GenerationStore> generations_;
    std::optional<Fingerprints> fingerprints_;
    std::unique_ptr<Workshop> workshop_;
};

}   // namespace mailcore::vault_sync
