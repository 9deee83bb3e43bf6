#include "ctl/setup.hpp"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.hpp"
#include "core/net/listener.hpp"
#include "core/rules/compile.hpp"
#include "ctl/postfix.hpp"
#include "ctl/setup_files.hpp"
#include "ctl/setup_plan.hpp"
#include "ctl/setup_print.hpp"
#include "ctl/setup_state.hpp"

namespace mailcore::ctl {
namespace {

namespace fs = std::filesystem;
using base::fail;
using base::Result;
using Kind = Change::Kind;

constexpr char const* kStateFile = "mailcore-setup.json";
constexpr char const* kFiles[] = {"main.cf", "master.cf"};

std::string utc_time()
{
    auto const now = std::chrono::system_clock::to_time_t(base::now());
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    auto const length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
    return {text, length};
}

bool is_colourful(std::ostream const& out)
{
    char const* const refused = std::getenv("NO_COLOR");
    return &out == &std::cout && ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
}

// ---- one run of setup

class Setup {
public:
    Setup(SetupOptions const& options, std::ostream& out, std::ostream& err)
        : postfix_{options.postfix_config_directory}, out_{out}, err_{err},
          style_{options.postfix_config_directory, is_colourful(out)}
    {
    }

    Result<> show(config::Settings const& settings, rules::Ruleset const& ruleset);
    Result<> apply(config::Settings const& settings, rules::Ruleset const& ruleset);
    Result<> undo();

private:
    struct Planned {
        PostfixConfiguration before;
        Plan plan;
        bool as_left = false;   // both files are what the last --apply left
    };
    Result<Planned> plan(config::Settings const& settings, rules::Ruleset const& ruleset) const;
    Result<SetupState> read_state() const;
    Result<> write_state(SetupState const& state) const;
    bool is_as_left(SetupState const& state) const;

    Result<std::string> make_backup() const;
    Result<> restore(std::string const& backup) const;
    Result<> make_changes(std::vector<Change> const& changes);
    Result<> make_changes_or_restore(std::vector<Change> const& changes, std::string const& backup);
    Result<> note_changes(SetupState state, Planned const& planned, std::string const& backup);
    Result<> undo_changes(SetupState const& state);
    Result<> finish_undo();

    void say_unserved(config::Settings const& settings);
    void say_reload();
    std::string backup_path(std::string const& name, std::string const& file) const { return postfix_.file(name) + "/" + file; }

    Postfix postfix_;
    std::ostream& out_;
    std::ostream& err_;
    PrintStyle style_;
};

Result<Setup::Planned> Setup::plan(config::Settings const& settings, rules::Ruleset const& ruleset) const
{
    auto before = postfix_.read(parameters_of_interest());
    if (!before) return fail(before.error());
    auto const needs = needs_of(settings, ruleset, *before);
    if (!needs) return fail(needs.error());
    auto plan = plan_setup(*needs, *before);
    return Planned{std::move(*before), std::move(plan), false};
}

Result<> Setup::show(config::Settings const& settings, rules::Ruleset const& ruleset)
{
    auto const planned = plan(settings, ruleset);
    if (!planned) return fail(planned.error());
    auto const count = planned->plan.changes.size();
    if (count == 0) out_ << "# Nothing to change: Postfix in " << postfix_.directory() << " is wired to the gate.\n";
    else out_ << "# " << count << (count == 1 ? " change" : " changes") << " to Postfix in " << postfix_.directory()
              << ". To make them: mailcorectl setup --apply\n\n";
    out_ << print_plan(planned->plan, style_);
    if (count > 0) out_ << "# Then, with both daemons running:\npostfix check && postfix reload\n";
    return {};
}

// ---- what setup remembers

Result<SetupState> Setup::read_state() const
{
    auto const path = postfix_.file(kStateFile);
    if (!fs::exists(path)) return SetupState{};
    auto const text = read_file(path);
    if (!text) return fail(text.error());
    auto state = parse_state(*text);
    if (!state) return fail(base::Error{state.error()}.within(path));
    return state;
}

Result<> Setup::write_state(SetupState const& state) const
{
    return write_file(postfix_.file(kStateFile), print_state(state), postfix_.file("main.cf"));
}

// Are both files, byte for byte, what the last --apply left?
bool Setup::is_as_left(SetupState const& state) const
{
    if (state.latest.empty()) return false;
    for (std::string const file : kFiles) {
        if (!same_content(postfix_.file(file), backup_path(state.latest, file + ".after"))) return false;
    }
    return true;
}

// ---- apply

Result<std::string> Setup::make_backup() const
{
    auto const wanted = "mailcore-backup-" + utc_time();
    auto name = wanted;
    for (int i = 2; ::mkdir(postfix_.file(name).c_str(), 0700) != 0; ++i) {
        if (errno != EEXIST) return base::fail_errno("cannot make the backup " + postfix_.file(name));
        name = wanted + "-" + std::to_string(i);
    }
    for (auto const* file : kFiles) {
        if (auto const copied = copy_file(postfix_.file(file), backup_path(name, file)); !copied) return fail(copied.error());
    }
    return name;
}

Result<> Setup::restore(std::string const& backup) const
{
    for (auto const* file : kFiles) {
        if (auto copied = copy_file(backup_path(backup, file), postfix_.file(file)); !copied) return copied;
    }
    return {};
}

Result<> Setup::make_changes(std::vector<Change> const& changes)
{
    for (std::size_t i = 0; i < changes.size();) {   // one run for neighbours of a kind
        auto const option = postconf_option(changes[i].kind);
        std::vector<std::string> arguments{std::string{option}};
        for (; i < changes.size() && postconf_option(changes[i].kind) == option; ++i) {
            arguments.push_back(postconf_argument(changes[i]));
        }
        if (auto const done = postfix_.postconf(arguments); !done) return fail(done.error());
    }
    auto const checked = postfix_.check();
    if (!checked) return fail(checked.error());
    if (!checked->err.empty()) err_ << checked->err;
    return {};
}

Result<> Setup::make_changes_or_restore(std::vector<Change> const& changes, std::string const& backup)
{
    auto const made = make_changes(changes);
    if (made) return {};
    auto const restored = restore(backup);
    if (restored) return fail(made.error().message + "\nmain.cf and master.cf are as they were before");
    return fail(made.error().message + "\nand main.cf and master.cf could not be put back (" + restored.error().message +
                "): copy them from " + postfix_.file(backup));
}

Result<> Setup::note_changes(SetupState state, Planned const& planned, std::string const& backup)
{
    auto const after = postfix_.read(parameters_of_interest());
    if (!after) return fail(after.error());
    if (state.latest.empty()) state.original = backup;
    else if (!planned.as_left) state.original.clear();   // edited by hand in between: no backup is the whole truth any more
    state.latest = backup;
    remember(state, planned.plan, planned.before, *after);
    for (std::string const file : kFiles) {
        if (auto kept = copy_file(postfix_.file(file), backup_path(backup, file + ".after")); !kept) return kept;
    }
    return write_state(state);
}

Result<> Setup::apply(config::Settings const& settings, rules::Ruleset const& ruleset)
{
    auto const state = read_state();
    if (!state) return fail(state.error());
    auto planned = plan(settings, ruleset);
    if (!planned) return fail(planned.error());
    planned->as_left = is_as_left(*state);
    auto const& plan = planned->plan;
    if (plan.changes.empty()) {
        out_ << "Nothing to change: Postfix in " << postfix_.directory() << " is wired to the gate.\n";
        for (auto const& note : plan.notes) out_ << wrapped("Note: " + note, "");
        return {};
    }
    auto const backup = make_backup();
    if (!backup) return fail(backup.error());
    if (auto made = make_changes_or_restore(plan.changes, *backup); !made) return made;
    if (auto const noted = note_changes(*state, *planned, *backup); !noted) {
        static_cast<void>(restore(*backup));
        return fail(noted.error().message + "\nmain.cf and master.cf are as they were before");
    }
    for (auto const& change : plan.changes) out_ << "set " << change.target << "\n";
    for (auto const& note : plan.notes) out_ << wrapped("Note: " + note, "");
    out_ << "Backup: " << postfix_.file(*backup) << "\n";
    say_unserved(settings);
    say_reload();
    return {};
}

// Postfix takes the new files at a reload, and new processes of it take them before that.
void Setup::say_unserved(config::Settings const& settings)
{
    auto const warn = [&](std::string const& daemon, std::string const& listen) {
        auto const address = net::SocketAddress::parse(listen);
        if (!address || address->kind != net::SocketAddress::Kind::Unix || net::is_served(address->path)) return;
        err_ << "mailcorectl: warning: " << daemon << " does not serve " << address->path
             << " yet: start it first, or mail waits\n";
    };
    warn("mailcore-policy", settings.policy.listen.value);
    warn("mailcore-milter", settings.milter.listen.value);
}

void Setup::say_reload()
{
    auto const& directory = postfix_.directory();
    out_ << "Now: postfix " << (directory == "/etc/postfix" ? "" : "-c " + directory + " ") << "reload\n";
}

// ---- undo

Result<> Setup::undo()
{
    auto const state = read_state();
    if (!state) return fail(state.error());
    if (state->latest.empty()) {
        out_ << "Nothing to take back: setup has changed nothing in " << postfix_.directory() << ".\n";
        return {};
    }
    if (!state->original.empty() && is_as_left(*state)) {
        if (auto restored = restore(state->original); !restored) return restored;
        if (auto const checked = postfix_.check(); !checked) err_ << "mailcorectl: warning: " << checked.error().message << "\n";
        out_ << "main.cf and master.cf are as they were before setup, byte for byte.\n";
    } else if (auto undone = undo_changes(*state); !undone) {
        return undone;
    }
    return finish_undo();
}

Result<> Setup::undo_changes(SetupState const& state)
{
    auto const now = postfix_.read(parameters_of_interest());
    if (!now) return fail(now.error());
    auto const plan = plan_undo(state, *now);
    if (!plan.conflicts.empty()) {
        std::string message = "nothing was taken back, since somebody has changed what setup had set:\n";
        for (auto const& conflict : plan.conflicts) message += "  " + conflict + "\n";
        auto const backup = state.original.empty() ? state.latest : state.original;
        return fail(message + "The files as they were before are in " + postfix_.file(backup));
    }
    auto const backup = make_backup();
    if (!backup) return fail(backup.error());
    if (auto made = make_changes_or_restore(plan.changes, *backup); !made) return made;
    for (auto const& change : plan.changes) out_ << "put back " << change.target << "\n";
    out_ << "Backup: " << postfix_.file(*backup) << "\n";
    return {};
}

Result<> Setup::finish_undo()
{
    std::error_code failure;
    fs::remove(postfix_.file(kStateFile), failure);
    if (failure) return fail("cannot remove " + postfix_.file(kStateFile) + ": " + failure.message());
    out_ << "Postfix asks the gate no more once it has reloaded: whom main.cf permits may then send as anybody.\n";
    say_reload();
    return {};
}

Result<> run(SetupOptions const& options, config::Settings const& settings, std::ostream& out, std::ostream& err)
{
    Setup setup{options, out, err};
    if (options.undo) return setup.undo();
    config::Diagnostics problems;
    auto const ruleset = rules::compile(settings, nullptr, problems);
    if (problems.has_errors()) return fail(problems.text(), base::ErrorKind::Configuration);
    return options.apply ? setup.apply(settings, ruleset) : setup.show(settings, ruleset);
}

}   // namespace

int setup(SetupOptions const& options, config::Settings const& settings, std::ostream& out, std::ostream& err)
{
    auto const done = run(options, settings, out, err);
    if (done) return 0;
    bool const configuration = done.error().kind == base::ErrorKind::Configuration;
    err << (configuration ? "" : "mailcorectl: ") << done.error().message << (configuration ? "" : "\n");
    return configuration ? 78 : 1;
}

}   // namespace mailcore::ctl
