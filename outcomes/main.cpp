// mailcore-outcomes: what became of every message, by tenant and ticket, told to the application.

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sys/stat.h>

#include "core/config/load.hpp"
#include "core/observe/page_server.hpp"
#include "core/run/daemon.hpp"
#include "core/run/notify.hpp"
#include "outcomes/desk.hpp"
#include "outcomes/facts.hpp"
#include "outcomes/service.hpp"
#include "outcomes/store/sqlite_store.hpp"

using namespace mailcore;

namespace {

namespace events = observe::events;

constexpr run::ProgramInfo kProgram{
    "mailcore-outcomes",
    "Follows Postfix's log and the decision log; keeps what became of every message and tells the application.",
    "SIGTERM stores what was read and stops. SIGHUP, or mailcorectl reload, takes a changed configuration.\n"
    "See mailcore-outcomes(8) and mailcore.yaml(5)."};

void check_metrics(config::Text const& metrics, config::Diagnostics& problems)
{
    auto const address = net::parse_metrics_address(metrics.value);
    if (!address) problems.error(metrics.position, "outcomes.metrics: " + address.error().message);
}

// As for the keys of stamps.
void check_secret_file(std::string const& config, config::WebhookSettings const& webhook, config::Diagnostics& problems)
{
    auto const& path = webhook.secret_file;
    struct stat facts {};
    if (!webhook.url.empty() && ::stat(path.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0) {
        problems.warning({std::make_shared<std::string const>(config)}, path + " can be read by every user of this host; chmod 0640 it");
    }
}

struct Configuration {
    config::Settings settings;
    std::string warnings;
};

// Every problem of the configuration, file:line:column.
base::Result<Configuration> read_configuration(std::string const& path)
{
    config::Diagnostics problems;
    auto settings = config::load(path, problems);
    check_metrics(settings.outcomes.metrics, problems);
    config::Diagnostics warnings;   // ours: those about tenants and rules are the gate's to tell
    check_secret_file(path, settings.outcomes.webhook, warnings);
    if (problems.has_errors()) return base::fail(problems.text(), base::ErrorKind::Configuration);
    settings.tenants = {};   // who may send what is not our business
    settings.rules = {};
    return Configuration{std::move(settings), warnings.text()};
}

// What --check and --print-config print; nothing when the daemon is to run.
std::optional<run::ExitCode> answer_config_only(run::Process const& process, Configuration const& configuration)
{
    if (process.print_config_only()) {
        std::cout << config::print_config(configuration.settings);
    } else if (process.check_only()) {
        std::cerr << configuration.warnings;
        std::cout << process.config_path() << ": fine\n";
    } else {
        return std::nullopt;
    }
    return run::ExitCode::Ok;
}

void tell_warnings(std::string const& path, Configuration const& configuration, observe::Log& log)
{
    if (configuration.warnings.empty()) return;
    log.write(events::kConfigurationWarning, {{"path", path}, {"problems", configuration.warnings}});
}

// What is opened once at the start stays as it is.
void warn_of_restart(config::Settings const& running, config::Settings const& next, observe::Log& log)
{
    std::string changed;
    auto const compare = [&](char const* key, auto const& before, auto const& after) {
        if (!(before == after)) changed += (changed.empty() ? "" : ", ") + std::string{key};
    };
    compare("log.level", running.log.level, next.log.level);
    compare("log.format", running.log.format, next.log.format);
    compare("log.target", running.log.target, next.log.target);
    compare("state_directory", running.state_directory, next.state_directory);
    compare("outcomes.metrics", running.outcomes.metrics, next.outcomes.metrics);
    if (!changed.empty()) log.write(events::kRestartNeeded, {{"keys", changed}});
}

base::Result<> reload(std::string const& path, config::Settings const& running, outcomes::OutcomesService& service, observe::Log& log)
{
    log.reopen();
    auto const next = read_configuration(path);
    auto taken = next ? service.restart(outcomes::ServiceOptions::from(next->settings)) : base::Result<>{base::fail(next.error())};
    if (!taken) {
        log.write(events::kReloadFailed, {{"path", path}, {"problems", taken.error().message}});
        return taken;
    }
    log.write(events::kConfigurationTaken, {{"path", path}});
    tell_warnings(path, *next, log);
    warn_of_restart(running, next->settings, log);
    return {};
}

base::Result<> serve_pages(observe::PageServer& pages, observe::OutcomeMetrics& metrics, std::string const& written)
{
    auto const address = net::SocketAddress::parse(written);
    if (!address) return base::fail(base::Error{address.error()}.within("outcomes.metrics"));
    return pages.start(*address,
                       {{"/metrics", [&] { return observe::prometheus_page(metrics.text()); }},
                        {"/stats", [&] { return observe::Page{"application/json", outcomes::stats_json(metrics.facts())}; }},
                        {"/", [&] { return observe::Page{"text/html; charset=utf-8", outcomes::status_page(metrics.facts())}; }}});
}

base::Result<> serve_operator(run::Process& process, config::Settings const& settings, outcomes::OutcomesService& service,
                              observe::OutcomeMetrics& metrics, observe::Log& log)
{
    std::map<std::string, run::ControlCommand> commands{
        {"status", [&, started = base::now()](auto const&) {
             return outcomes::status_answer(metrics.facts(), std::chrono::duration_cast<std::chrono::seconds>(base::now() - started));
         }},
        {"reload", [&](auto const&) -> base::Result<std::string> {
             auto const taken = reload(process.config_path(), settings, service, log);
             if (!taken) return base::fail(taken.error());
             return std::string{R"({"ok": true})"};
         }}};
    for (auto const* name : {"outcomes", "tenants-of", "queue-stats", "queue-failed", "queue-retry"}) {
        commands[name] = [&](std::string const& request) {
            return outcomes::answer_operator(service.store(), request, [&] { service.events_changed(); });
        };
    }
    return process.control(settings.state_directory.value, std::move(commands));
}

base::Result<run::ExitCode> outcomes_main(run::Process& process)
{
    auto const configuration = read_configuration(process.config_path());
    if (!configuration) return base::fail(configuration.error());
    if (auto const exit = answer_config_only(process, *configuration)) return *exit;
    auto const& settings = configuration->settings;

    auto log = observe::Log::open(std::string{process.name()}, settings.log.level, settings.log.format, settings.log.target);
    if (!log) return base::fail(log.error());
    tell_warnings(process.config_path(), *configuration, *log);
    observe::OutcomeMetrics metrics{MAILCORE_VERSION};
    auto service = outcomes::OutcomesService::open(outcomes::ServiceOptions::from(settings), *log, metrics);
    if (!service) return base::fail(service.error());

    observe::PageServer pages;
    if (auto const served = serve_pages(pages, metrics, settings.outcomes.metrics.value); !served) return base::fail(served.error());
    if (auto const served = serve_operator(process, settings, **service, metrics, *log); !served) return base::fail(served.error());
    auto const stop = [&] { (*service)->stop(); };
    process.on_signals({{SIGHUP, [&] { static_cast<void>(reload(process.config_path(), settings, **service, *log)); }}, {SIGTERM, stop}, {SIGINT, stop}});

    log->write(events::kStarted, {{"version", MAILCORE_VERSION}, {"mail_log", settings.outcomes.mail_log},
                                  {"decision_log", settings.decision_log.value}});
    run::notify_ready("following " + settings.outcomes.mail_log);
    auto const ended = (*service)->serve();
    run::notify_stopping();
    log->write(events::kStopped, {});
    pages.stop();
    process.stop_helpers();
    if (!ended) return base::fail(ended.error());
    return run::ExitCode::Ok;
}

// mailcore-outcomes --answer --config FILE: one request from standard input, for mailcorectl while no daemon runs.
base::Result<run::ExitCode> answer_main(run::Process& process)
{
    auto const configuration = read_configuration(process.config_path());
    if (!configuration) return base::fail(configuration.error());
    auto const path = outcomes::ServiceOptions::from(configuration->settings).store_path;
    // It would be root's, and the daemon could not write it.
    if (!std::filesystem::exists(path)) return base::fail(path + " is not there yet: mailcore-outcomes makes it when it is first started");
    auto store = outcomes::open_sqlite_store(path);
    if (!store) return base::fail(store.error());
    std::string const request{std::istreambuf_iterator<char>{std::cin}, {}};
    auto const answer = outcomes::answer_operator(**store, request, nullptr);
    if (!answer) return base::fail(answer.error());
    std::cout << *answer << '\n';
    return run::ExitCode::Ok;
}

}   // namespace

int main(int argc, char** argv)
{
    bool const answers = argc > 1 && std::strcmp(argv[1], "--answer") == 0;
    if (!answers) return run::daemon(kProgram, argc, argv, outcomes_main);
    argv[1] = argv[0];
    return run::daemon(kProgram, argc - 1, argv + 1, answer_main);
}
