// A few pages on loopback by HTTP GET: /metrics, and what goes with it. The one door to civetweb.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/net/address.hpp"

namespace mailcore::observe {

struct Page {
    std::string content_type;   // "text/plain; version=0.0.4; charset=utf-8"
    std::string body;
};

Page prometheus_page(std::string text);   // in Prometheus' text format

class PageServer {
public:
    PageServer();
    ~PageServer();

    // Over IPv4 only: Debian's civetweb knows no IPv6. Each page is made anew for each request, on the server's thread. Off: does nothing.
    base::Result<> start(net::SocketAddress const& address, std::map<std::string, std::function<Page()>> const& pages);
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::observe
