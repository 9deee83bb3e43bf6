// mailcore-policy: answers Postfix's policy requests (check_policy_service) from the shared rules.

#include <csignal>

#include "core/gate/configuration.hpp"
#include "core/gate/gate.hpp"
#include "core/run/notify.hpp"
#include "policy/service.hpp"

using namespace mailcore;

namespace {

constexpr run::ProgramInfo kProgram{
    "mailcore-policy",
    "Postfix policy delegation server: who may send what, per tenant.",
    "SIGTERM answers what has come and stops. SIGHUP, or mailcorectl reload, takes a changed\n"
    "configuration; one with errors is refused and the old rules stay.\n"
    "See mailcore-policy(8) and mailcore.yaml(5)."};

base::Result<run::ExitCode> policy_main(run::Process& process)
{
    auto configuration = gate::read_configuration(process.config_path());
    if (!configuration) return base::fail(configuration.error());   // every problem, file:line:column
    if (auto const exit = gate::answer_config_only(process, *configuration)) return *exit;

    auto gate = gate::Gate::open(process, std::move(*configuration));
    if (!gate) return base::fail(gate.error());
    auto service = policy::PolicyService::open(**gate);
    if (!service) return base::fail(service.error());

    auto const served = (*gate)->serve_operator(process, (*gate)->settings().policy.metrics.value);
    if (!served) return base::fail(served.error());
    auto const stop = [&] { (*service)->stop(); };
    process.on_signals({{SIGHUP, [&] { static_cast<void>((*gate)->reload()); }}, {SIGTERM, stop}, {SIGINT, stop}});

    (*gate)->announce_start((*gate)->settings().policy.listen.value);
    (*service)->serve();
    (*gate)->announce_stop();
    process.stop_helpers();
    return run::ExitCode::Ok;
}

}   // namespace

int main(int argc, char** argv) { return run::daemon(kProgram, argc, argv, policy_main); }
