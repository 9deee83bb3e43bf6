#include "vault-sync/command/commands.hpp"

#include <iostream>

#include "core/observe/redactor.hpp"
#include "core/run/print.hpp"
#include "vault-sync/apply/hooks.hpp"
#include "vault-sync/command/session.hpp"
#include "vault-sync/command/show.hpp"
#include "vault-sync/command/work.hpp"
#include "vault-sync/config/load.hpp"

namespace mailcore::vault_sync {

int complain(base::Error const& error)
{
    auto const words = observe::redacted(error.message);
    bool const is_configuration = error.kind == base::ErrorKind::Configuration;   // names its file and line itself
    std::cerr << (is_configuration ? "" : "vault-sync: ") << words << (words.ends_with('\n') ? "" : "\n");
    return is_configuration ? 78 : error.kind == base::ErrorKind::Usage ? 64 : 1;
}

namespace {

// Opens everything, or says what is wrong; then does the work.
template <class Work>
int with_session(Common const& common, char const* purpose, Work work)
{
    StopSwitch stop;
    auto session = Session::open(common.config, purpose, stop);
    if (!session) return complain(session.error());
    if (auto opened = (*session)->open_output(); !opened) return complain(opened.error());
    auto const code = work(**session);
    if (auto* const vault = (*session)->vault()) vault->revoke_own_token();
    return code;
}

// After a pass of a command: hooks, the metrics' text file; the exit code.
int finish(Session& session, PassReport const& report, bool detailed)
{
    finish_pass(session, report, TellFailure::Yes);
    observe::SyncMetrics metrics{MAILCORE_VERSION};
    metrics.set(facts_of(session, report.state, report.generation));
    write_textfile(session, metrics.text());
    return exit_code(report, detailed, any_overdue(ages(session.settings(), report.state, session.workshop().now())));
}

int run_and_show(Common const& common, Session& session, PassOptions const& options)
{
    auto const report = run_pass(session.workshop(), options);
    if (!report) return complain(report.error());
    auto const code = finish(session, *report, common.detailed);
    show_pass(*report, code, common.json);
    return code;
}

}   // namespace

int check(Common const& common)
{
    config::Diagnostics problems;
    auto const settings = load_settings(common.config, problems);
    std::cerr << problems.text();
    if (problems.has_errors()) return 78;
    if (auto refused = refuse_plain_credentials(settings); !refused) return complain(refused.error());
    return 0;
}

int print_config(Common const& common)
{
    config::Diagnostics problems;
    auto const settings = load_settings(common.config, problems);
    std::cerr << problems.text();
    if (problems.has_errors()) return 78;
    std::cout << print_settings(settings);
    return 0;
}

int once(Common const& common, bool force)
{
    return with_session(common, "once", [&](Session& session) { return run_and_show(common, session, {.force = force}); });
}

int use(Common const& common, std::string const& relay, bool force)
{
    return with_session(common, "use", [&](Session& session) {
        if (session.settings().relay(relay) == nullptr) {
            std::string names;
            for (auto const& known : session.settings().relays) names += (names.empty() ? "" : ", ") + known.name.value;
            return complain({"there is no relay " + relay + " in " + common.config + "; there are " + names, base::ErrorKind::Usage});
        }
        auto const report = run_pass(session.workshop(), {.force = force, .use = relay});
        if (!report) return complain(report.error());
        auto const code = finish(session, *report, common.detailed);
        bool const is_active = report->routing.active == relay;
        session.audit("use", relay, 0, "make it the active relay", is_active ? "ok" : "not done");
        show_pass(*report, code, common.json);
        return is_active || code != 0 ? code : 1;
    });
}

int rollback(Common const& common, std::uint64_t generation)
{
    return with_session(common, "rollback", [&](Session& session) {
        auto const report = roll_back(session.workshop(), generation, false);
        session.audit("rollback", generation == 0 ? "the generation before" : "generation " + std::to_string(generation), 0,
                      "rollback", report ? "ok, to generation " + std::to_string(report->generation) : report.error().message);
        if (!report) return complain(report.error());
        tell_hook(session, session.settings().hooks.on_change, rollback_facts(*report, false, session.workshop().now()));
        if (common.json) {
            run::print_json({{"generation", report->generation}, {"former", report->left}, {"active", report->active}, {"held", true}});
        } else {
            std::cout << "generation " << report->generation << " is current (was " << report->left << "); active relay " << report->active
                      << "\nWhat was left is held: it is not taken again until Vault holds another value,\n"
                         "or by vault-sync once --force.\n";
        }
        complain({"warning: the logins of generation " + std::to_string(report->generation) +
                  " were not checked; vault-sync verify --current does"});
        return report->reload_failed ? 1 : 0;
    });
}

int generations(Common const& common)
{
    return with_session(common, "generations", [&](Session& session) {
        auto const all = session.workshop().generations->list();
        if (!all) return complain(all.error());
        auto list = nlohmann::json::array();
        std::vector<std::vector<std::string>> rows;
        for (auto const& one : *all) {
            std::string names;
            for (auto const& relay : one.relays) names += (names.empty() ? "" : ", ") + relay;
            list.push_back({{"generation", one.number}, {"created", base::format_time(one.created)}, {"current", one.current},
                            {"active", one.active}, {"relays", one.relays}});
            rows.push_back({std::to_string(one.number), base::format_time(one.created), one.active, names, one.current ? "current" : ""});
        }
        if (common.json) run::print_json(list);
        else if (rows.empty()) std::cout << "There is no generation yet; vault-sync once makes the first.\n";
        else run::print_table({"GENERATION", "CREATED", "ACTIVE", "RELAYS", ""}, rows);
        return 0;
    });
}

int reference(std::string const& page)
{
    std::cout << (page == "config" ? settings_reference() : settings_man_keys());
    return 0;
}

}   // namespace mailcore::vault_sync
