// The policy daemon's service: as many workers as the machine has cores, over one listener.
#pragma once

#include <memory>

#include "policy/worker.hpp"

namespace mailcore::policy {

class PolicyService {
public:
    // The gate must outlive the service.
    static base::Result<std::unique_ptr<PolicyService>> open(gate::Gate& gate);

    void serve();   // until stop(); then drains
    void stop();    // from any thread

private:
    PolicyService(gate::Gate& gate, net::Listener listener, std::size_t max_clients);
    base::Result<> make_workers();

    net::Listener listener_;
    Shared shared_;
};

}   // namespace mailcore::policy
