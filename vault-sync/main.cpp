// vault-sync: the secrets of Vault or OpenBao as Postfix's maps, proved before they are switched in. Here stand the
// commands and their options; what they do stands in command/commands.hpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "core/crypto/secure_heap.hpp"
#include "core/observe/redactor.hpp"
#include "core/run/daemon.hpp"
#include "vault-sync/command/commands.hpp"

using namespace mailcore;

namespace {

using Run = std::function<int()>;

CLI::App* add(CLI::App& parent, Run& chosen, char const* name, char const* help, Run run)
{
    auto* const command = parent.add_subcommand(name, help);
    command->fallthrough();   // --config and --json may stand behind the command, too
    command->callback([&chosen, run = std::move(run)] { chosen = run; });
    return command;
}

constexpr auto kFooter =
    "Exit status: 0 fine, 1 a value was not taken over or something failed, 10 Vault is\n"
    "away and the cache or the environment serves, 11 a provider refused a login, 12 Vault\n"
    "refused the login, 13 a secret is overdue, 64 usage, 78 configuration.\n"
    "\n"
    "  vault-sync diff                      what would change\n"
    "  vault-sync once                      do it: prove, render, switch, reload Postfix\n"
    "  vault-sync verify ses --send-test me@example.org\n"
    "  vault-sync use ses                   make ses the active relay\n"
    "  vault-sync rollback                  back to the generation before\n"
    "\n"
    "See vault-sync(8) and vault-sync.yaml(5).";

}   // namespace

int main(int argc, char** argv)
{
    run::guard_process();
    crypto::open_secure_heap();
    vault_sync::Common common;
    vault_sync::VerifyOptions verify_options;
    bool check = false, print_config = false, force = false, force_use = false;
    std::string relay, page;
    std::uint64_t generation = 0;
    Run chosen;

    CLI::App app{"Secrets from Vault or OpenBao to Postfix, proved before they are switched in.", "vault-sync"};
    app.add_option("--config", common.config, "Configuration to work with")->option_text("FILE")->capture_default_str();
    app.add_flag("--json", common.json, "Print one JSON document instead of text");
    app.add_flag("--detailed-exitcode", common.detailed, "Also tell by the exit status: 2 something changed, 13 a secret is overdue");
    app.add_flag("--check", check, "Load the configuration, print every problem, exit (0 fine, 78 not)");
    app.add_flag("--print-config", print_config, "Print the effective configuration and exit");
    app.set_version_flag("--version", "vault-sync " MAILCORE_VERSION, "Print the version and exit");
    app.get_option("--help")->description("Print this help and exit");
    app.require_subcommand(0, 1);
    app.footer(kFooter);

    auto* const once = add(app, chosen, "once", "Read the secrets, prove what changed, switch Postfix over, once", [&] { return vault_sync::once(common, force); });
    once->add_flag("--force", force, "Also take what is held by a rollback or could not be proved; never what was refused");
    add(app, chosen, "watch", "Do that each watch.interval, in the foreground", [&] { return vault_sync::watch(common); });
    add(app, chosen, "diff", "Show what once would change: names, hosts, users, fingerprints", [&] { return vault_sync::diff(common); });
    auto* const verify = add(app, chosen, "verify", "Prove the logins that Vault holds; writes nothing", [&] { return vault_sync::verify(common, verify_options); });
    verify->add_option("relay", verify_options.relay, "Only this relay")->option_text("RELAY");
    verify->add_flag("--current", verify_options.current, "Prove what Postfix uses instead");
    verify->add_option("--send-test", verify_options.send_test, "Also send a test message to this address")->option_text("ADDRESS");
    auto* const use = add(app, chosen, "use", "Make a relay the active one; kept until the next use", [&] { return vault_sync::use(common, relay, force_use); });
    use->add_option("relay", relay, "Which relay")->option_text("RELAY")->required();
    use->add_flag("--force", force_use, "Do not prove its login first");
    auto* const rollback = add(app, chosen, "rollback", "Go back to an older generation and hold it", [&] { return vault_sync::rollback(common, generation); });
    rollback->add_option("generation", generation, "Which one (default: the one before)")->option_text("GENERATION")->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
    add(app, chosen, "generations", "List the generations that are kept", [&] { return vault_sync::generations(common); });
    add(app, chosen, "status", "Show what is in use, from where, how old", [&] { return vault_sync::status(common); });
    add(app, chosen, "doctor", "Run the production checklist", [&] { return vault_sync::doctor(common); });
    auto* const reference = add(app, chosen, "reference", "Print a reference page: config or man-keys", [&] { return vault_sync::reference(page); });
    reference->add_option("page", page, "Which page")->option_text("PAGE")->required()->check(CLI::IsMember({"config", "man-keys"}));

    int code = 0;
    try {
        app.parse(argc, argv);
        if (check) code = vault_sync::check(common);
        else if (print_config) code = vault_sync::print_config(common);
        else if (chosen) code = chosen();
        else code = vault_sync::complain({"say what to do; try vault-sync --help", base::ErrorKind::Usage});
    } catch (CLI::Success const& wanted) {   // --help, --version
        code = app.exit(wanted);
    } catch (CLI::ParseError const& wrong) {
        code = vault_sync::complain({std::string{wrong.what()} + "; try vault-sync --help", base::ErrorKind::Usage});
    } catch (std::exception const& escaped) {
        code = vault_sync::complain({escaped.what()});
    }
    observe::forget_hidden_secrets();
    return code;
}
