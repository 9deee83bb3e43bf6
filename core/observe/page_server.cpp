#include "core/observe/page_server.hpp"

#include <CivetServer.h>
#include <list>
#include <stop_token>
#include <thread>

#include "core/net/stream.hpp"

namespace mailcore::observe {
namespace {

class PageHandler final : public CivetHandler {
public:
    explicit PageHandler(std::function<Page()> make) : make_{std::move(make)} {}

    bool handleGet(CivetServer*, mg_connection* connection) override
    {
        try {
            auto const page = make_();
            mg_printf(connection,
                      "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
                      "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
                      page.content_type.c_str(), page.body.size());
            mg_write(connection, page.body.data(), page.body.size());
        } catch (std::exception const&) {
            mg_send_http_error(connection, 500, "%s", "the page could not be made");
        }
        return true;
    }

private:
    std::function<Page()> make_;
};

}   // namespace

struct PageServer::State {
    std::list<PageHandler> handlers;
    std::unique_ptr<CivetServer> server;   // stops before its handlers go
    net::SocketAddress address;
};

Page prometheus_page(std::string text) { return {"text/plain; version=0.0.4; charset=utf-8", std::move(text)}; }

PageServer::PageServer() = default;
PageServer::~PageServer() { stop(); }

base::Result<> PageServer::start(net::SocketAddress const& address, std::map<std::string, std::function<Page()>> const& pages)
{
    if (address.kind == net::SocketAddress::Kind::Off) return {};
    if (address.kind != net::SocketAddress::Kind::Inet) {
        return base::fail("metrics: write inet:host:port, or \"\" for none; " + address.to_string() + " is neither");
    }
    auto state = std::make_unique<State>();
    state->address = address;
    try {
        auto const where = address.to_string().substr(5);   // without "inet:", as civetweb wants it
        state->server = std::make_unique<CivetServer>(
            std::vector<std::string>{"listening_ports", where, "num_threads", "2", "request_timeout_ms", "5000"});
        for (auto const& [path, make] : pages) {
            state->server->addHandler(path + "$", state->handlers.emplace_back(make));
        }
    } catch (std::exception const& failure) {
        return base::fail("metrics: cannot serve " + address.to_string() + " (is the port taken?): " + failure.what());
    }
    state_ = std::move(state);
    return {};
}

// civetweb looks whether it is to stop when somebody comes, or else every two seconds: so somebody comes.
void PageServer::stop()
{
    if (!state_) return;
    net::StreamTarget target;
    target.host = state_->address.host;
    target.port = state_->address.port;
    std::jthread const caller{[target](std::stop_token const& stopped) {
        while (!stopped.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
            static_cast<void>(net::Stream::connect(target));
        }
    }};
    state_.reset();
}

}   // namespace mailcore::observe
