#include "vault-sync/command/session.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "core/observe/redactor.hpp"
#include "core/run/notify.hpp"
#include "vault-sync/config/load.hpp"
#include "vault-sync/source/audit.hpp"
#include "vault-sync/source/environment.hpp"
#include "vault-sync/source/file.hpp"
#include "vault-sync/vault/environment.hpp"

namespace mailcore::vault_sync {
namespace {

// Fields that may be seen. Whatever else a secret holds is hidden wherever it turns up.
bool is_public_field(std::string_view name)
{
    constexpr std::array kPublic{"host", "port", "user", "username", "from", "default_from", "use_tls", "tls", "starttls",
                                 "use_ssl", "ssl", "access_key", "access_key_id", "region"};
    return std::find(kPublic.begin(), kPublic.end(), name) != kPublic.end();
}

void hide_fields(SecretRecord const& record)
{
    for (auto const& [name, value] : record.fields) {
        if (!is_public_field(name)) observe::hide_secret(value);
    }
}

base::Result<Settings> load_or_explain(std::string const& path)
{
    config::Diagnostics problems;
    auto settings = load_settings(path, problems);
    if (problems.has_errors()) return base::fail(problems.text(), base::ErrorKind::Configuration);
    return settings;
}

// What can be taken out of the environment only once, kept for the sessions that a reload opens later.
struct Inherited {
    base::Secret vault_token;
    std::optional<SecretRecord> smtp;
    bool is_taken = false;
};

Inherited& inherited()
{
    static Inherited kept;
    return kept;
}

base::Result<> take_environment(Settings& settings)
{
    auto& kept = inherited();
    if (auto filled = fill_from_environment(settings.vault); !filled) return filled;
    if (!settings.vault.token.empty()) kept.vault_token = settings.vault.token.copy();
    settings.vault.token = kept.vault_token.copy();
    if (!std::exchange(kept.is_taken, true)) kept.smtp = take_environment_record();
    return {};
}

// SMTP_VAULT_PATH gives the path of the active relay's secret where the configuration does not.
void take_path_from_environment(Settings& settings)
{
    auto const path = smtp_vault_path();
    if (!path) return;
    for (auto& relay : settings.relays) {
        if (relay.name.value == settings.active.value && relay.secret.empty()) relay.secret = *path;
    }
}

}   // namespace

void StopSwitch::stop()
{
    std::lock_guard const guard{mutex_};
    stopped_ = true;
    changed_.notify_all();
}

void StopSwitch::wake()
{
    std::lock_guard const guard{mutex_};
    woken_ = true;
    changed_.notify_all();
}

bool StopSwitch::is_stopped() const
{
    std::lock_guard const guard{mutex_};
    return stopped_;
}

bool StopSwitch::sleep(std::chrono::milliseconds time)
{
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, time, [&] { return stopped_; });
    return !stopped_;
}

bool StopSwitch::sleep_or_wake(std::chrono::milliseconds time)
{
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, time, [&] { return stopped_ || woken_; });
    woken_ = false;
    return !stopped_;
}

Session::Session(Settings settings, std::string purpose, StopSwitch& stop)
    : settings_{std::move(settings)}, purpose_{std::move(purpose)}, stop_{stop}
{
}

base::Result<std::unique_ptr<Session>> Session::open(std::string const& config, std::string purpose, StopSwitch& stop)
{
    auto settings = load_or_explain(config);
    if (!settings) return base::fail(settings.error());
    if (auto refused = refuse_plain_credentials(*settings); !refused) return base::fail(refused.error());
    if (auto taken = take_environment(*settings); !taken) return base::fail(taken.error());
    take_path_from_environment(*settings);

    std::unique_ptr<Session> session{new Session{std::move(*settings), std::move(purpose), stop}};
    auto const& log = session->settings_.log;
    if (log.target != "stderr") {
        auto opened = observe::Log::open("vault-sync", log.level, log.format, log.target);
        if (!opened) return base::fail(opened.error());
        session->own_log_ = std::move(*opened);
    }
    session->connect();
    return session;
}

void Session::connect()
{
    if (inherited().smtp) environment_record_ = inherited().smtp->copy();
    if (environment_record_) hide_fields(*environment_record_);
    observe::hide_secret(settings_.vault.token);
    cache_ = std::make_unique<Cache>(settings_.cache, settings_.vault.address, transit());
    SecretSources sources;
    sources.vault = [this](auto const& path, auto const& mount) { return read_vault(path, mount); };
    sources.file = [this](auto const& path) { return read_file(path); };
    sources.cache = [this](auto const& path) { return read_cache(path); };
    sources.environment = [this] { return read_environment(); };
    sources.use_vault = smtp_use_vault();
    workshop_ = std::unique_ptr<Workshop>{new Workshop{
        .settings = settings_,
        .states = StateStore{settings_.output.directory + "/state"},
        .postfix = Postfix{settings_.postfix.config_directory},
        .sources = std::move(sources),
        .cache = cache_.get(),
        .prove = [this](Relay const& relay, bool is_new) {
            run::notify_alive();   // a pass with many slow relays is long, and no hang
            return prove(relay, verify_limits(), is_new, sleep());
        },
        .notify = [this](Notice const& notice) { tell(notice); }}};
}

base::Result<> Session::open_output()
{
    auto generations = GenerationStore::open(settings_.output.directory, settings_.output.map_type, settings_.postfix.config_directory);
    if (!generations) return base::fail(generations.error());
    generations_ = std::move(*generations);
    if (auto prepared = workshop_->states.prepare(); !prepared) return prepared;
    auto fingerprints = Fingerprints::open(workshop_->states.key_file());
    if (!fingerprints) return base::fail(fingerprints.error());
    fingerprints_ = std::move(*fingerprints);
    workshop_->generations = &*generations_;
    workshop_->fingerprints = &*fingerprints_;
    return {};
}

void Session::tell(Notice const& notice)
{
    auto const words = observe::redacted(notice.words);
    if (log_ != nullptr) return log_->write(*notice.event, {{"relay", notice.relay}, {"words", words}});
    if (own_log_) own_log_->write(*notice.event, {{"relay", notice.relay}, {"words", words}});
    bool const is_trouble = notice.event->level == observe::Level::Warning || notice.event->level == observe::Level::Error;
    if (is_trouble) std::cerr << "vault-sync: " << words << '\n';
}

void Session::audit(std::string action, std::string path, std::uint64_t version, std::string purpose, std::string result)
{
    auto const written = write_audit(settings_.audit_log, {workshop_->now(), std::move(action), std::move(path), version,
                                                           std::move(purpose), observe::redacted(std::move(result))});
    if (!written) tell({&observe::events::kAuditFailed, "", written.error().message});
}

VerifyLimits Session::verify_limits() const
{
    return {static_cast<int>(settings_.verify.attempts), settings_.verify.window};
}

Sleep Session::sleep() const
{
    return [stop = &stop_](std::chrono::milliseconds time) { return stop->sleep(time); };
}

Transit Session::transit()
{
    if (!settings_.cache.key.starts_with("transit:")) return {};
    auto const key = settings_.cache.key.substr(8);
    constexpr std::string_view kBound = "mailcore cache key";
    return {[this, key, kBound](base::Secret const& plain) -> base::Result<std::string> {
                auto const vault = ask_vault();
                if (!vault) return base::fail(vault.error().message);
                auto wrapped = (*vault)->encrypt(key, plain, kBound);
                if (!wrapped) return base::fail(wrapped.error().message);
                return *wrapped;
            },
            [this, key, kBound](std::string const& wrapped) -> base::Result<base::Secret> {
                auto const vault = ask_vault();
                if (!vault) return base::fail(vault.error().message);
                auto plain = (*vault)->decrypt(key, wrapped, kBound);
                if (!plain) return base::fail(plain.error().message);
                return std::move(*plain);
            }};
}

VaultResult<VaultClient*> Session::ask_vault()
{
    if (vault_) return &*vault_;
    VaultEnvironment environment;
    environment.secret_ids.recall = [this](std::string const& hash) { return cache_->recall_secret_id(hash); };
    environment.secret_ids.keep = [this](std::string const& hash, base::Secret const& id) { return cache_->keep_secret_id(hash, id); };
    environment.wait = sleep();
    environment.warn = [this](std::string const& words) { tell({&observe::events::kTokenWarning, "", words}); };
    environment.remember_secret = [](base::Secret const& secret) { observe::hide_secret(secret); };
    auto opened = VaultClient::open(settings_.vault, std::move(environment));
    if (!opened) return base::fail_with(VaultError{VaultFailure::Unreachable, opened.error().message});
    vault_ = std::move(*opened);
    return &*vault_;
}

VaultResult<SecretRecord> Session::read_vault(std::string const& path, std::string const& mount)
{
    auto const vault = ask_vault();
    if (!vault) return base::fail_with(vault.error());
    auto record = (*vault)->read(path, mount);
    if (record) hide_fields(*record);
    audit("read", path, record ? record->version : 0, purpose_, record ? "ok" : record.error().message);
    return record;
}

base::Result<std::optional<SecretRecord>> Session::read_file(std::string const& path)
{
    if (!std::filesystem::exists(path)) return std::optional<SecretRecord>{};
    auto read = read_record_file(path);
    audit("read", path, 0, purpose_, read ? "ok" : read.error().message);
    if (!read) return base::fail(read.error());
    hide_fields(read->record);
    for (auto const& warning : read->warnings) tell({&observe::events::kSecretWarning, "", warning});
    return std::optional{std::move(read->record)};
}

base::Result<std::optional<SecretRecord>> Session::read_cache(std::string const& path)
{
    auto record = cache_->load(path, workshop_->now());
    if (record && *record) hide_fields(**record);
    if (!record || *record) {
        audit("read", "cache of " + path, record ? (*record)->version : 0, purpose_, record ? "ok" : record.error().message);
    }
    return record;
}

std::optional<SecretRecord> Session::read_environment()
{
    if (!environment_record_) return std::nullopt;
    audit("read", "environment", 0, purpose_, "ok");
    return environment_record_->copy();
}

base::Result<> refuse_plain_credentials(Settings const& settings)
{
    if (settings.mode != "production") return {};
    auto const variable = forbidden_in_production();
    if (variable.empty()) return {};
    return base::fail("vault-sync: " + variable + " is set in the environment, and mode production takes no login from there, since every "
                      "process of this user could read it; unset it (in the unit: remove its Environment= line) and keep "
                      "the login in Vault, or write mode: development\n", base::ErrorKind::Configuration);
}

}   // namespace mailcore::vault_sync
