// mailcorectl: the operator's hand. Here stand the commands and their options; what they do stands in commands.hpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "core/config/load.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"
#include "ctl/setup.hpp"

using namespace mailcore;

namespace {

using Run = std::function<int()>;

// A command and what to call when it is the one given.
CLI::App* add(CLI::App& parent, Run& chosen, char const* name, char const* help, Run run)
{
    auto* const command = parent.add_subcommand(name, help);
    command->fallthrough();   // --config and --json may stand behind the command, too
    // Of a command and one of its own commands, the latter is asked first.
    if (run) command->callback([&chosen, run = std::move(run)] { if (!chosen) chosen = run; });
    return command;
}

void add_explain(CLI::App& app, Run& chosen, ctl::Common& common, ctl::ExplainOptions& options)
{
    auto* const command = add(app, chosen, "explain", "Say what would be decided for a message, and why",
                              [&] { return ctl::explain(common, options); });
    command->add_option("attributes", options.attributes, "What is known, in Postfix's policy attributes")
        ->option_text("KEY=VALUE...")->required();
    command->add_option("--message", options.message, "A message: decide as at its end (- = standard input)")
        ->option_text("FILE");
    command->add_option("--at", options.at, "Ask the limits at another time: a date, +10m, -1h")
        ->option_text("TIME");
    command->footer("Examples:\n"
                    "  mailcorectl explain client_address=10.0.0.250 sender=amazon@inbound.keybuzz.io\n"
                    "  mailcorectl explain client_address=10.0.0.250 sender= --message bounce.eml --json");
}

void add_stamp(CLI::App& app, Run& chosen, ctl::Common& common, ctl::StampVerifyOptions& options)
{
    auto* const stamp = add(app, chosen, "stamp", "Verify stamps, make their keys", nullptr);
    stamp->require_subcommand(1);
    auto* const verify = add(*stamp, chosen, "verify", "Check a message's signed stamp: exit 0 valid, 1 not", [&] { return ctl::stamp_verify(common, options); });
    verify->add_option("file", options.file, "The message (default: standard input)")->option_text("FILE");
    verify->add_option_function<std::string>("--sender", [&](std::string const& sender) {
        options.sender = sender;
        options.has_sender = true;
    }, "Its envelope sender, if not as Return-Path says")->option_text("ADDRESS")->expected(1);
    verify->add_option("--max-age", options.max_age, "Refuse older stamps")->option_text("TIME")->capture_default_str();
    auto* const key = add(*stamp, chosen, "key", "Make the keys file, or add a key that signs from now on", nullptr);
    key->require_subcommand(1);
    add(*key, chosen, "new", "Make the keys file with its first key", [&] { return ctl::stamp_key_new(common); });
    add(*key, chosen, "rotate", "Add a key that signs; old ones stay to verify", [&] { return ctl::stamp_key_rotate(common); });
}

// `limits` does something without its command; so that is listed apart from those that stand for all the work there is.
void add_limits(CLI::App& app, Run& chosen, ctl::Common& common, ctl::LimitsOptions& options)
{
    auto* const command = add(app, chosen, "limits", "Show what is used and left of the tenants' limits",
                              [&] { return ctl::limits(common, options); });
    command->add_option("tenant", options.tenant, "One tenant, each sender, login or client apart")->option_text("TENANT");
    command->add_flag("--all", options.all, "Show every row, not the first 1,000");
    auto* const reset = add(*command, chosen, "reset", "Forget what was counted of a tenant", [&] { return ctl::limits_reset(common, options.tenant); });
    reset->group("Commands");
    reset->add_option("tenant", options.tenant, "Which")->option_text("TENANT")->required();
    command->footer("A tenant of the name \"reset\": mailcorectl limits -- reset");
}

void add_tenant(CLI::App& app, Run& chosen, ctl::Common& common, ctl::TenantOptions& options)
{
    auto* const tenant = add(app, chosen, "tenant", "Suspend a tenant, or resume it", nullptr);
    tenant->require_subcommand(1);
    auto* const suspend = add(*tenant, chosen, "suspend", "Refuse all of a tenant's mail, now and after restarts",
                              [&] { return ctl::tenant_suspend(common, options); });
    auto* const resume = add(*tenant, chosen, "resume", "Take back what suspend did", [&] { return ctl::tenant_resume(common, options); });
    suspend->add_option("--reason", options.reason, "Why, for whoever asks later")->option_text("TEXT");
    suspend->add_flag("--hold", options.queued, "Put its mail in Postfix's queue on hold, too");
    resume->add_flag("--release", options.queued, "Let go the mail that suspend put on hold");
    for (auto* const command : {suspend, resume}) {
        command->add_option("name", options.name, "Which")->option_text("NAME")->required();
        command->add_option("--postfix-config", options.postfix_config_directory, "Postfix's configuration directory")
            ->option_text("DIR")->capture_default_str();
    }
}

int run_setup(ctl::Common const& common, ctl::SetupOptions const& options)
{
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    std::cerr << problems.text();
    if (problems.has_errors() && !options.undo) return 78;   // taking back must work with a broken configuration, too
    return ctl::setup(options, settings, std::cout, std::cerr);
}

void add_setup(CLI::App& app, Run& chosen, ctl::Common& common, ctl::SetupOptions& options)
{
    auto* const command = add(app, chosen, "setup", "Show, make or take back changes to Postfix",
                              [&] { return run_setup(common, options); });
    auto* const apply = command->add_flag("--apply", options.apply, "Make the changes, keeping a backup");
    command->add_flag("--undo", options.undo, "Take back what --apply did")->excludes(apply);
    command->add_option("--postfix-config", options.postfix_config_directory, "Postfix's configuration directory")
        ->option_text("DIR")->capture_default_str();
}

void add_outcomes(CLI::App& app, Run& chosen, ctl::Common& common, ctl::OutcomesOptions& options)
{
    auto* const command = add(app, chosen, "outcomes", "Show what became of messages, newest first",
                              [&] { return ctl::outcomes(common, options); });
    command->add_option("--ticket", options.ticket, "Of this ticket")->option_text("TICKET");
    command->add_option("--tenant", options.tenant, "Of this tenant")->option_text("NAME");
    command->add_option("--queue-id", options.queue_id, "Of this queue id of Postfix")->option_text("ID");
    command->add_option("--message-id", options.message_id, "Of this Message-ID, with its angle brackets")->option_text("<ID>");
    command->add_option("--recipient", options.recipient, "To this address")->option_text("ADDRESS");
    command->add_option("--status", options.status, "SENT, DEFERRED, BOUNCED, EXPIRED, REJECTED, DELETED or ACCEPTED")->option_text("STATUS");
    command->add_option("--since", options.since, "Changed since: 1h ago, or a time")->option_text("1h|TIME");
    command->add_option("--until", options.until, "Changed until")->option_text("1h|TIME");
    command->add_option("--limit", options.limit, "At most so many, 50000 in all")->option_text("N")->check(CLI::Range(1, 50'000))->capture_default_str();
    command->add_flag("--follow", options.follow, "Go on showing changes as they come, one a line");
    command->footer("Examples:\n"
                    "  mailcorectl outcomes --ticket ticket_smtp_test_001\n"
                    "  mailcorectl outcomes --tenant kbz_test --status BOUNCED --since 1h --json");
}

struct QueueOptions {
    std::size_t limit = 100;
    std::size_t most = 50'000;
    std::string postfix_config_directory = "/etc/postfix";
};

void add_queue(CLI::App& app, Run& chosen, ctl::Common& common, QueueOptions& options)
{
    auto* const queue = add(app, chosen, "queue", "The webhook's queue, and Postfix's beside it", nullptr);
    queue->require_subcommand(1);
    auto* const stats = add(*queue, chosen, "stats", "Count what waits, by state; Postfix's by tenant",
                            [&] { return ctl::queue_stats(common, options.postfix_config_directory); });
    stats->add_option("--postfix-config", options.postfix_config_directory, "Postfix's configuration directory")
        ->option_text("DIR")->capture_default_str();
    auto* const failed = add(*queue, chosen, "failed", "Show the events that were given up",
                             [&] { return ctl::queue_failed(common, options.limit); });
    failed->add_option("--limit", options.limit, "At most so many, 50000 in all")->option_text("N")->check(CLI::Range(1, 50'000))->capture_default_str();
    auto* const retry = add(*queue, chosen, "retry", "Send events again that were given up, oldest first",
                            [&] { return ctl::queue_retry(common, options.most); });
    retry->add_option("--max", options.most, "At most so many")->option_text("N");
}

void add_reference(CLI::App& app, Run& chosen, std::string& page)
{
    auto* const command = add(app, chosen, "reference", "Print a page: config, events, metrics, man-keys",
                              [&] { return ctl::reference(page); });
    command->add_option("page", page, "Which page")->option_text("PAGE")->required()
        ->check(CLI::IsMember({"config", "events", "metrics", "man-keys"}));
}

}   // namespace

int main(int argc, char** argv)
{
    ctl::Common common;
    ctl::ExplainOptions explain_options;
    ctl::StampVerifyOptions verify_options;
    ctl::LimitsOptions limits_options;
    ctl::TenantOptions tenant_options;
    ctl::SetupOptions setup_options;
    ctl::OutcomesOptions outcomes_options;
    QueueOptions queue_options;
    std::string page;
    Run chosen;

    CLI::App app{"The operator's hand for mailcore, the gate of a Postfix relay host for many tenants.", "mailcorectl"};
    app.add_option("--config", common.config, "Configuration to work with")->option_text("FILE")->capture_default_str();
    app.add_flag("--json", common.json, "Print one JSON document instead of text");
    app.set_version_flag("--version", "mailcorectl " MAILCORE_VERSION, "Print the version and exit");
    app.require_subcommand(1);
    app.footer("Exit status: 0 fine, 1 failed or not valid, 64 usage, 78 configuration. See mailcorectl(1).");

    add(app, chosen, "check", "Load the configuration and print every problem", [&] { return ctl::check(common); });
    add(app, chosen, "reload", "Have all running daemons take the new configuration", [&] { return ctl::reload(common); });
    add_explain(app, chosen, common, explain_options);
    add(app, chosen, "status", "Show the running daemons and what they decided", [&] { return ctl::status(common); });
    add(app, chosen, "tenants", "List the tenants in force", [&] { return ctl::tenants(common); });
    add(app, chosen, "rules", "List the ordered rules in force, with hits", [&] { return ctl::rules(common); });
    add_limits(app, chosen, common, limits_options);
    add_tenant(app, chosen, common, tenant_options);
    add_stamp(app, chosen, common, verify_options);
    add_setup(app, chosen, common, setup_options);
    add_outcomes(app, chosen, common, outcomes_options);
    add_queue(app, chosen, common, queue_options);
    add(app, chosen, "alerts", "Print Prometheus' rules by the configuration", [&] { return ctl::alerts(common); });
    add_reference(app, chosen, page);

    try {
        app.parse(argc, argv);
        return chosen();
    } catch (CLI::Success const& wanted) {   // --help, --version
        return app.exit(wanted);
    } catch (CLI::ParseError const& wrong) {
        return ctl::complain(std::string{wrong.what()} + "; try mailcorectl --help", 64);
    } catch (std::exception const& escaped) {
        return ctl::complain(escaped.what());
    }
}
