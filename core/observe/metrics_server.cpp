#include "core/observe/metrics_server.hpp"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

namespace mailcore::observe {

MetricsServer::MetricsServer() = default;
MetricsServer::~MetricsServer() { stop(); }

base::Result<> MetricsServer::start(net::SocketAddress const& address, std::shared_ptr<prometheus::Collectable> source)
{
    if (address.kind == net::SocketAddress::Kind::Off) return {};
    if (address.kind != net::SocketAddress::Kind::Inet) {
        return base::fail("metrics: write inet:host:port, or \"\" for none; " + address.to_string() + " is neither");
    }
    auto const where = address.to_string().substr(5);   // without "inet:", as civetweb wants it
    try {
        source_ = std::move(source);
        exposer_ = std::make_unique<prometheus::Exposer>(where, 1);
        exposer_->RegisterCollectable(source_);
    } catch (std::exception const& failure) {
        return base::fail("metrics: cannot serve " + address.to_string() + " (is the port taken?): " + failure.what());
    }
    return {};
}

void MetricsServer::stop()
{
    exposer_.reset();
    source_.reset();
}

}   // namespace mailcore::observe
