#include "core/gate/gate.hpp"

#include <array>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/config/load.hpp"
#include "core/gate/configuration.hpp"
#include "core/rules/decide.hpp"
#include "core/run/notify.hpp"

namespace mailcore::gate {
namespace {

using nlohmann::json;
namespace events = observe::events;

std::string dumped(json const& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string rule_count(rules::Ruleset const& ruleset)
{
    return std::to_string(ruleset.tenants.size()) + " tenants, " + std::to_string(ruleset.rules.size()) + " rules";
}

// The rules hold all that is needed of the tenants; of 100,000 the texts alone are a hundred megabytes.
config::Settings without_tenants(config::Settings settings)
{
    settings.tenants = {};
    settings.rules = {};
    return settings;
}

std::string_view word(rules::Mode mode)
{
    switch (mode) {
        case rules::Mode::Enforce: return "enforce";
        case rules::Mode::Observe: return "observe";
        case rules::Mode::Suspended: return "suspended";
    }
    return "";
}

json status_of(LimitKeeper const& limits)
{
    auto const health = limits.health();
    auto const copies = limits.suspensions_health();
    auto troubles = copies.troubles;
    if (!health.trouble.empty()) troubles.insert(troubles.begin(), health.trouble);
    return {{"store", health.store}, {"up", health.up}, {"on_fallback", health.on_fallback}, {"fallback", health.fallback},
            {"fallback_up", health.fallback_up}, {"full", health.full}, {"failures", health.failures},
            {"suspended", limits.suspensions().get()->suspended()}, {"host_suspensions_up", copies.host_up},
            {"shared_suspensions_up", copies.shared_up}, {"troubles", troubles}};
}

// See limit_desk.hpp.
constexpr std::array<char const*, 6> kDeskCommands{"limits", "limits-reset", "suspend", "resume", "suspensions", "buckets"};

}   // namespace

std::optional<run::ExitCode> answer_config_only(run::Process const& process, rules::Configuration const& configuration)
{
    if (process.print_config_only()) {
        std::cout << config::print_config(configuration.settings);
        return run::ExitCode::Ok;
    }
    if (process.check_only()) {
        std::cerr << configuration.warnings;
        std::cout << process.config_path() << ": fine (" << rule_count(*configuration.ruleset) << ")\n";
        return run::ExitCode::Ok;
    }
    return std::nullopt;
}

base::Result<std::unique_ptr<Gate>> Gate::open(run::Process const& process, rules::Configuration configuration)
{
    auto const& settings = configuration.settings;
    auto log = observe::Log::open(std::string{process.name()}, settings.log.level, settings.log.format, settings.log.target);
    if (!log) return base::fail(log.error());
    auto kept_log = std::make_unique<observe::Log>(std::move(*log));
    auto decision_log = observe::DecisionLog::open(settings.decision_log.value, *kept_log);
    if (!decision_log) return base::fail(decision_log.error());
    auto notes = NoteTables::open(settings.state_directory.value);
    if (!notes) return base::fail(notes.error());
    auto limits = LimitKeeper::open(settings, *kept_log);
    if (!limits) return base::fail(limits.error());
    return std::unique_ptr<Gate>{new Gate{process, std::move(configuration), std::move(kept_log),
                                          std::move(*decision_log), std::move(*notes), std::move(*limits)}};
}

base::Result<Gate::NoteTables> Gate::NoteTables::open(std::string const& state_directory)
{
    auto certificates = store::Notes::open(state_directory, "certificate-notes");
    if (!certificates) return base::fail(certificates.error());
    auto receipts = store::Notes::open(state_directory, "limit-receipts");
    if (!receipts) return base::fail(receipts.error());
    return NoteTables{std::move(*certificates), std::move(*receipts)};
}

Gate::Gate(run::Process const& process, rules::Configuration configuration, std::unique_ptr<observe::Log> log,
           std::unique_ptr<observe::DecisionLog> decision_log, NoteTables notes, std::unique_ptr<LimitKeeper> limits)
    : name_{process.name()},
      path_{process.config_path()},
      settings_{without_tenants(std::move(configuration.settings))},
      started_{base::now()},
      log_{std::move(log)},
      notes_{std::move(notes)},
      metrics_{name_, MAILCORE_VERSION},
      limits_{std::move(limits)},
      meter_{{.policy_counts = settings_.limits.count_at == "policy", .defer_on_error = settings_.limits.on_error == "defer"},
             limits_->store(), notes_.receipts, *log_, metrics_},
      decision_log_{std::move(decision_log)},
      rules_{std::move(configuration.ruleset)},
      recorder_{*decision_log_, metrics_}
{
    metrics_.watch_decision_log([this] { return decision_log_->lines(); }, [this] { return decision_log_->waits(); });
    metrics_.watch_limits([this] { return limits_->facts(); });
    limits_->help_too([this](base::Time now) { meter_.keep(*rules_.get(), now); });
    metrics_.set_rules(rules_.get()->tenants.size(), rules_.get()->rules.size());
    if (!configuration.warnings.empty()) {
        log_->write(events::kConfigurationWarning, {{"path", path_}, {"problems", configuration.warnings}});
    }
}

// A scrape reads the counters of the decision log and of the limits, which go first. The meter goes before the keeper.
Gate::~Gate()
{
    metrics_.stop_serving();
    limits_->help_too({});
}

base::Result<> Gate::serve_operator(run::Process& process, std::string const& metrics_address)
{
    auto const address = net::SocketAddress::parse(metrics_address);
    if (!address) return base::fail(address.error());
    if (auto served = metrics_.serve(*address); !served) return served;
    std::map<std::string, run::ControlCommand> commands{
        {"status", [this](auto const&) { return status(); }},
        {"rules", [this](auto const&) { return list_rules(); }},
        {"tenants", [this](auto const&) { return list_tenants(); }},
        {"reload", [this](auto const&) -> base::Result<std::string> {
             auto const reloaded = reload();
             if (!reloaded) return base::fail(reloaded.error());
             return dumped({{"ok", true}, {"tenants", rules_.get()->tenants.size()}, {"rules", rules_.get()->rules.size()}});
         }}};
    for (auto const* name : kDeskCommands) {
        commands[name] = [this](std::string const& request) { return limits_->answer(request, *rules_.get()); };
    }
    return process.control(settings_.state_directory.value, std::move(commands), {"limits", "limits-reset", "reload"});
}

void Gate::announce_start(std::string const& address)
{
    auto const count = rule_count(*rules_.get());
    log_->write(events::kStarted, {{"version", MAILCORE_VERSION}, {"listen", address}, {"rules", count}});
    run::notify_ready("serving " + count);
}

void Gate::announce_stop()
{
    run::notify_stopping();
    log_->write(events::kStopped, {});
}

base::Result<> Gate::reload()
{
    std::lock_guard const one_at_a_time{reloading_};
    run::notify_reloading();
    log_->reopen();
    decision_log_->reopen();
    auto next = read_configuration(path_);
    metrics_.count_reload(next.has_value());
    if (!next) {
        log_->write(events::kReloadFailed, {{"path", path_}, {"problems", next.error().message}});
        run::notify_ready("the last reload failed; serving the rules before it: " + rule_count(*rules_.get()));
        return base::fail(next.error());
    }
    warn_of_restart(next->settings);
    auto const count = rule_count(*next->ruleset);
    metrics_.set_rules(next->ruleset->tenants.size(), next->ruleset->rules.size());
    rules_.replace(std::move(next->ruleset));
    log_->write(events::kRulesReloaded, {{"path", path_}, {"rules", count}, {"warnings", next->warnings}});
    run::notify_ready("serving " + count);
    return {};
}

// What is opened once at the start stays as it is; saying so beats an operator's guess.
void Gate::warn_of_restart(config::Settings const& next)
{
    std::string changed;
    auto const compare = [&](char const* key, auto const& before, auto const& after) {
        if (!(before == after)) changed += (changed.empty() ? "" : ", ") + std::string{key};
    };
    compare("log.level", settings_.log.level, next.log.level);
    compare("log.format", settings_.log.format, next.log.format);
    compare("log.target", settings_.log.target, next.log.target);
    compare("decision_log", settings_.decision_log, next.decision_log);
    compare("state_directory", settings_.state_directory, next.state_directory);
    compare("socket_mode", settings_.socket_mode, next.socket_mode);
    compare("socket_group", settings_.socket_group, next.socket_group);
    compare("policy.listen", settings_.policy.listen, next.policy.listen);
    compare("policy.metrics", settings_.policy.metrics, next.policy.metrics);
    compare("policy.max_clients", settings_.policy.max_clients, next.policy.max_clients);
    compare("milter.listen", settings_.milter.listen, next.milter.listen);
    compare("milter.metrics", settings_.milter.metrics, next.milter.metrics);
    compare("limits.store", settings_.limits.store, next.limits.store);
    compare("limits.count_at", settings_.limits.count_at, next.limits.count_at);
    compare("limits.fallback", settings_.limits.fallback, next.limits.fallback);
    compare("limits.on_error", settings_.limits.on_error, next.limits.on_error);
    compare("limits.timeout", settings_.limits.timeout, next.limits.timeout);
    compare("limits.password_file", settings_.limits.password_file, next.limits.password_file);
    compare("limits.ca_file", settings_.limits.ca_file, next.limits.ca_file);
    if (!changed.empty()) log_->write(events::kRestartNeeded, {{"keys", changed}});
}

mail::Verdict Gate::own_failure(rules::Ruleset const* ruleset, std::string_view what) noexcept
{
    log_->write(events::kOwnFailure, {{"what", what}});
    return rules::own_failure(ruleset != nullptr ? ruleset->on_error : rules::OnError::Defer);
}

std::string Gate::status() const
{
    auto const ruleset = rules_.get();
    json decisions = json::object();
    for (int a = 0; a < mail::kActions; ++a) {
        auto const action = static_cast<mail::Action>(a);
        decisions[std::string{mail::word(action)}] = metrics_.decisions(action);
    }
    auto const uptime = std::chrono::duration_cast<std::chrono::seconds>(base::now() - started_).count();
    return dumped({{"ok", true}, {"daemon", name_}, {"version", MAILCORE_VERSION}, {"pid", ::getpid()},
                   {"config", path_}, {"uptime_seconds", uptime}, {"connections", metrics_.connections()},
                   {"tenants", ruleset->tenants.size()}, {"rules", ruleset->rules.size()}, {"decisions", decisions},
                   {"certificate_notes", notes_.certificates.size()}, {"limits", status_of(*limits_)}});
}

std::string Gate::list_rules() const
{
    auto const ruleset = rules_.get();
    json list = json::array();
    for (auto const& rule : ruleset->rules) {
        list.push_back({{"name", rule.name}, {"action", mail::word(rule.action)}, {"position", rule.position},
                        {"hits", rule.hits->load(std::memory_order_relaxed)}});
    }
    return dumped({{"ok", true}, {"daemon", name_}, {"rules", list}});
}

std::string Gate::list_tenants() const
{
    auto const ruleset = rules_.get();
    auto const suspended = suspensions().get();
    json list = json::array();
    for (auto const& tenant : ruleset->tenants) {
        json entry{{"name", tenant.name}, {"mode", word(ruleset->terms[tenant.terms].mode)}, {"suspended", suspended->holds(tenant.name)}};
        if (suspended->holds(tenant.name)) {
            auto const& suspension = *suspended->find(tenant.name);
            entry["since"] = base::format_time(suspension.time);
            entry["reason"] = suspension.reason;
        }
        list.push_back(std::move(entry));
    }
    return dumped({{"ok", true}, {"daemon", name_}, {"tenants", list}});
}

}   // namespace mailcore::gate
