// mailcore-milter: judges, cleans and stamps every message at Postfix's milter interface.

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "core/gate/configuration.hpp"
#include "core/gate/gate.hpp"
#include "milter/service.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

using namespace mailcore;

namespace {

constexpr run::ProgramInfo kProgram{
    "mailcore-milter",
    "Postfix milter: decides on whole messages, removes forged stamps, adds the genuine one.",
    "SIGTERM finishes and stops, and so does SIGHUP: libmilter takes it so. SIGUSR1, or mailcorectl\n"
    "reload, takes a changed configuration; one with errors is refused and the old rules stay.\n"
    "See mailcore-milter(8) and mailcore.yaml(5)."};

base::Result<run::ExitCode> milter_main(run::Process& process)
{
    auto configuration = gate::read_configuration(process.config_path());
    if (!configuration) return base::fail(configuration.error());   // every problem, file:line:column
    if (auto const exit = gate::answer_config_only(process, *configuration)) return *exit;

    auto gate = gate::Gate::open(process, std::move(*configuration));
    if (!gate) return base::fail(gate.error());
    auto service = milter::MilterService::open(**gate);
    if (!service) return base::fail(service.error());

    auto const served = (*gate)->serve_operator(process, (*gate)->settings().milter.metrics.value);
    if (!served) return base::fail(served.error());
    process.on_signals({{SIGUSR1, [&] { static_cast<void>((*gate)->reload()); }}});

    (*gate)->announce_start((*gate)->settings().milter.listen.value);
    auto const ended = (*service)->serve();
    (*gate)->announce_stop();
    process.stop_helpers();
    if (!ended) return base::fail(ended.error());
    return run::ExitCode::Ok;
}

}   // namespace

// libmilter's threads cannot be joined and outlive this function, so its static objects must not be destroyed under them
// (ThreadSanitizer found its mutexes destroyed and used). All of ours is closed and written by now.
int main(int argc, char** argv)
{
    int const status = run::daemon(kProgram, argc, argv, milter_main);
    std::cout.flush();
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check();   // which a regular exit would do, after OpenSSL has dropped what those threads still hold
#endif
    std::_Exit(status);
}
