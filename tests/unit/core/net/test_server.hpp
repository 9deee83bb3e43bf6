// A server on 127.0.0.1 that does what a test says, well or badly; with TLS where it is wanted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/fd.hpp"
#include "tests/unit/core/crypto/certificates.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace mailcore::testing {

class Connection {
public:
    explicit Connection(int socket) : socket_{socket} {}
    ~Connection();
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    std::string read_until(std::string_view end);   // with it; "" when the client has gone
    std::string read_line();                        // without CR LF
    std::string read_bytes(std::size_t count);
    void write(std::string_view bytes);
    void wait_for_end();   // until the client closes
    bool start_tls(Identity const& identity, std::string const& client_ca = "");

private:
    bool read_more();
    int socket_;
    ssl_ctx_st* context_ = nullptr;
    ssl_st* tls_ = nullptr;
    std::string unread_;
};

class TestServer {
public:
    using Serve = std::function<void(Connection&)>;   // a thread for each connection
    explicit TestServer(Serve serve, std::string const& unix_path = "");   // else a port of its own
    ~TestServer();
    TestServer(TestServer const&) = delete;
    TestServer& operator=(TestServer const&) = delete;

    std::uint16_t port() const { return port_; }
    std::string host_and_port() const { return "127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

private:
    void accept_all();

    Serve serve_;
    base::Fd listening_;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_;
    std::list<int> open_;   // sockets of connections that are served
    std::list<std::thread> serving_;
    std::thread accepting_;
};

std::uint16_t unused_port();   // where nobody listens

}   // namespace mailcore::testing
