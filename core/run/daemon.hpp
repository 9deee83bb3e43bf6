// The skeleton of every daemon: a program supplies what it is and a body that reads like a list.
//
//     static Result<ExitCode> policy_main(run::Process& process) { …load, observe, serve… }
//     int main(int argc, char** argv) { return run::daemon(kProgram, argc, argv, policy_main); }
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/result.hpp"
#include "core/run/arguments.hpp"
#include "core/run/control_socket.hpp"
#include "core/run/signals.hpp"

namespace mailcore::run {

// What main() works with. Its signal and control threads stop when it goes.
class Process {
public:
    Process(ProgramInfo const& program, Arguments arguments);

    std::string_view name() const { return program_.name; }
    std::string const& config_path() const { return arguments_.config; }
    bool check_only() const { return arguments_.check; }
    bool print_config_only() const { return arguments_.print_config; }

    // The signals taken from here on, each calling its handler on one signal thread. They are blocked since the start.
    void on_signals(std::map<int, std::function<void()>> handlers);
    base::Result<> control(std::string const& state_directory, std::map<std::string, ControlCommand> commands,
                           std::set<std::string> slow_commands = {});
    void stop_helpers();   // ends the signal and control threads, before what they work on goes

private:
    ProgramInfo program_;
    Arguments arguments_;
    std::unique_ptr<SignalThread> signals_;
    std::unique_ptr<ControlSocket> control_;
};

// What every program of ours does first: ignores SIGPIPE and forbids core dumps, which would hold keys.
void guard_process();

// Blocks SIGHUP, SIGTERM, SIGINT and SIGUSR1, ignores SIGPIPE, forbids core dumps (they would hold keys), raises the limit
// of open files, parses the options, runs the body, prints what it failed with, and returns the exit status.
int daemon(ProgramInfo const& program, int argc, char** argv,
           std::function<base::Result<ExitCode>(Process&)> const& body);

}   // namespace mailcore::run
