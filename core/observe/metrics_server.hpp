// The HTTP server behind `metrics: inet:…`: prometheus-cpp's, with failures as Results.
#pragma once

#include <memory>

#include "core/base/result.hpp"
#include "core/net/address.hpp"

namespace prometheus {
class Collectable;
class Exposer;
}   // namespace prometheus

namespace mailcore::observe {

class MetricsServer {
public:
    MetricsServer();
    ~MetricsServer();

    base::Result<> start(net::SocketAddress const& address, std::shared_ptr<prometheus::Collectable> source);
    void stop();

private:
    std::shared_ptr<prometheus::Collectable> source_;
    std::unique_ptr<prometheus::Exposer> exposer_;
};

}   // namespace mailcore::observe
