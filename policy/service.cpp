#include "policy/service.hpp"

#include <algorithm>
#include <thread>
#include <vector>

namespace mailcore::policy {

base::Result<std::unique_ptr<PolicyService>> PolicyService::open(gate::Gate& gate)
{
    auto const& settings = gate.settings();
    auto const address = net::SocketAddress::parse(settings.policy.listen.value);
    if (!address) return base::fail(address.error());
    auto const permissions = net::parse_permissions(settings.socket_mode, settings.socket_group);
    if (!permissions) return base::fail(permissions.error());
    auto listener = net::Listener::open(*address, *permissions);
    if (!listener) return base::fail(listener.error());

    std::unique_ptr<PolicyService> service{new PolicyService{gate, std::move(*listener), settings.policy.max_clients}};
    auto const made = service->make_workers();
    if (!made) return base::fail(made.error());
    return service;
}

PolicyService::PolicyService(gate::Gate& gate, net::Listener listener, std::size_t max_clients)
    : listener_{std::move(listener)}, shared_{gate, listener_, max_clients}
{
}

base::Result<> PolicyService::make_workers()
{
    auto const count = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i) {
        auto worker = Worker::create(shared_);
        if (!worker) return base::fail(worker.error());
        shared_.workers.push_back(std::move(*worker));
    }
    return {};
}

void PolicyService::serve()
{
    std::vector<std::thread> threads;
    for (auto const& worker : shared_.workers) threads.emplace_back([&worker] { worker->run(); });
    for (auto& thread : threads) thread.join();
}

void PolicyService::stop()
{
    for (auto const& worker : shared_.workers) worker->stop();
}

}   // namespace mailcore::policy
