#include "core/run/daemon.hpp"

#include <csignal>
#include <iostream>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace mailcore::run {
namespace {

ExitCode exit_code(base::ErrorKind kind)
{
    switch (kind) {
        case base::ErrorKind::Failed: return ExitCode::Failed;
        case base::ErrorKind::Usage: return ExitCode::Usage;
        case base::ErrorKind::Configuration: return ExitCode::Configuration;
    }
    return ExitCode::Failed;
}

// Diagnostics already name their file and line; other failures get the program's name in front.
void print_failure(ProgramInfo const& program, base::Error const& error)
{
    if (error.kind == base::ErrorKind::Configuration) std::cerr << error.message;
    else std::cerr << program.name << ": " << error.message;
    if (error.message.empty() || error.message.back() != '\n') std::cerr << '\n';
}

void raise_open_files_limit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void forbid_core_dumps()
{
    rlimit const none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__   // LeakSanitizer reads its own process by ptrace, which this forbids
    ::prctl(PR_SET_DUMPABLE, 0);   // also keeps other processes of the same user from reading our memory
#endif
}

}   // namespace

Process::Process(ProgramInfo const& program, Arguments arguments) : program_{program}, arguments_{std::move(arguments)} {}

void Process::on_signals(std::map<int, std::function<void()>> handlers)
{
    signals_ = std::make_unique<SignalThread>(std::move(handlers));
}

base::Result<> Process::control(std::string const& state_directory, std::map<std::string, ControlCommand> commands,
                                std::set<std::string> slow_commands)
{
    auto opened = ControlSocket::open(control_path(state_directory, program_.name), std::move(commands), std::move(slow_commands));
    if (!opened) return base::fail(opened.error());
    control_ = std::move(*opened);
    return {};
}

void Process::stop_helpers()
{
    signals_.reset();
    control_.reset();
}

void guard_process()
{
    ::signal(SIGPIPE, SIG_IGN);
    forbid_core_dumps();
}

int daemon(ProgramInfo const& program, int argc, char** argv,
           std::function<base::Result<ExitCode>(Process&)> const& body)
{
    block_signals({SIGHUP, SIGTERM, SIGINT, SIGUSR1});
    guard_process();
    auto parsed = parse_arguments(program, argc, argv);
    if (parsed.exit) return static_cast<int>(*parsed.exit);
    raise_open_files_limit();
    try {
        Process process{program, std::move(parsed.arguments)};
        auto const result = body(process);
        if (result) return static_cast<int>(*result);
        print_failure(program, result.error());
        return static_cast<int>(exit_code(result.error().kind));
    } catch (std::exception const& escaped) {
        std::cerr << program.name << ": " << escaped.what() << '\n';
        return static_cast<int>(ExitCode::Failed);
    }
}

}   // namespace mailcore::run
