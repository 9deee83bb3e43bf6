// What the policy daemon and the milter have in common beside the rules: the rules in force and their reload, the log, the
// decision log, metrics, limits and suspensions, the notes between the two, and the commands mailcorectl may send.
//
//     auto gate = Gate::open(process);                 // load → compile → observe → state
//     if (!gate) return fail(gate.error());
//     …service made of gate->rules(), gate->recorder(), …
//     gate->serve_operator(process, metrics_address);  // metrics and control socket
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/gate/limit_keeper.hpp"
#include "core/gate/meter.hpp"
#include "core/mail/request.hpp"
#include "core/observe/log.hpp"
#include "core/observe/record.hpp"
#include "core/rules/read.hpp"
#include "core/run/daemon.hpp"
#include "core/run/snapshot.hpp"
#include "core/store/notes.hpp"

namespace mailcore::gate {

class Gate {
public:
    // Configuration problems come back as one ErrorKind::Configuration error with all of them.
    static base::Result<std::unique_ptr<Gate>> open(run::Process const& process, rules::Configuration configuration);

    ~Gate();
    Gate(Gate const&) = delete;
    Gate& operator=(Gate const&) = delete;

    config::Settings const& settings() const { return settings_; }   // as at the start; a reload changes the rules only
    run::Snapshot<rules::Ruleset> const& rules() const { return rules_; }
    observe::Log& log() { return *log_; }
    observe::Metrics& metrics() { return metrics_; }
    observe::Recorder& recorder() { return recorder_; }
    store::Notes& certificate_notes() { return notes_.certificates; }
    Meter& meter() { return meter_; }
    run::Snapshot<rules::Suspensions> const& suspensions() const { return limits_->suspensions(); }

    // Serves /metrics and the control socket (status, rules, tenants, reload, and what limit_desk.hpp answers).
    base::Result<> serve_operator(run::Process& process, std::string const& metrics_address);

    // Loads the configuration anew and puts it in force, or keeps the old rules and says why. Reopens log files. Any thread,
    // one at a time.
    base::Result<> reload();

    void announce_start(std::string const& address);   // ready: to the log and to systemd
    void announce_stop();

    // mailcore itself failed while deciding `request`: the verdict by on_error, logged. Never throws.
    mail::Verdict own_failure(rules::Ruleset const* ruleset, std::string_view what) noexcept;

private:
    // What the policy daemon tells the milter by queue id.
    struct NoteTables {
        store::Notes certificates;
        store::Notes receipts;
        static base::Result<NoteTables> open(std::string const& state_directory);
    };

    Gate(run::Process const& process, rules::Configuration configuration, std::unique_ptr<observe::Log> log,
         std::unique_ptr<observe::DecisionLog> decision_log, NoteTables notes, std::unique_ptr<LimitKeeper> limits);
    void warn_of_restart(config::Settings const& next);
    std::string status() const;
    std::string list_rules() const;
    std::string list_tenants() const;

    std::string name_;
    std::string path_;
    config::Settings settings_;
    base::Time started_;
    std::unique_ptr<observe::Log> log_;
    NoteTables notes_;
    observe::Metrics metrics_;
    std::unique_ptr<LimitKeeper> limits_;
    Meter meter_;
    std::unique_ptr<observe::DecisionLog> decision_log_;
    run::Snapshot<rules::Ruleset> rules_;
    observe::Recorder recorder_;
    std::mutex reloading_;
};

// --check and --print-config: what to print and the exit code, or nothing when the daemon is to run.
std::optional<run::ExitCode> answer_config_only(run::Process const& process, rules::Configuration const& configuration);

}   // namespace mailcore::gate
