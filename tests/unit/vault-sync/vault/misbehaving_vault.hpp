// A server on 127.0.0.1 that misbehaves as told: each connection gets the next of its answers, byte for byte.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "core/base/fd.hpp"

namespace mailcore::vault_sync {

struct Misbehaviour {
    std::string bytes;                            // as sent; then the connection is closed
    std::chrono::milliseconds before{0};          // silence before the first byte
    std::chrono::milliseconds between_bytes{0};   // a trickle
};

class MisbehavingVault {
public:
    explicit MisbehavingVault(std::vector<Misbehaviour> answers) : answers_{std::move(answers)}
    {
        listening_ = base::Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening_.get(), 16), 0);
        socklen_t length = sizeof address;
        ::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~MisbehavingVault()
    {
        stop_ = true;
        thread_.join();
    }
    MisbehavingVault(MisbehavingVault const&) = delete;
    MisbehavingVault& operator=(MisbehavingVault const&) = delete;

    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::size_t asked() const { return asked_; }

private:
    void serve()
    {
        while (!stop_) {
            pollfd waiting{listening_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) continue;
            base::Fd const client{::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (client) talk(client.get());
        }
    }
    void talk(int client)
    {
        auto const number = asked_++;
        std::string request;
        char buffer[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            auto const got = ::recv(client, buffer, sizeof buffer, 0);
            if (got <= 0) return;
            request.append(buffer, static_cast<std::size_t>(got));
        }
        if (number >= answers_.size()) return;
        auto const& answer = answers_[number];
        nap(answer.before);
        auto const step = answer.between_bytes.count() > 0 ? 1 : answer.bytes.size();
        for (std::size_t i = 0; i < answer.bytes.size() && !stop_; i += step) {
            if (::send(client, answer.bytes.data() + i, std::min(step, answer.bytes.size() - i), MSG_NOSIGNAL) <= 0)
                return;
            nap(answer.between_bytes);
        }
        ::shutdown(client, SHUT_WR);
        while (!stop_ && ::recv(client, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {}
    }
    void nap(std::chrono::milliseconds time) const
    {
        for (auto const end = std::chrono::steady_clock::now() + time;
             !stop_ && std::chrono::steady_clock::now() < end;) {
            std::this_thread::sleep_for(std::min(time, std::chrono::milliseconds{5}));
        }
    }

    std::vector<Misbehaviour> answers_;
    base::Fd listening_;
    unsigned port_ = 0;
    std::atomic<bool> stop_{false};
    std::atomic<std::size_t> asked_{0};
    std::thread thread_;
};

inline std::string http(int status, std::string const& body, std::string const& more = "")
{
    return "HTTP/1.1 " + std::to_string(status) +
           " Words\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n" + more + "\r\n" + body;
}

}   // namespace mailcore::vault_sync
