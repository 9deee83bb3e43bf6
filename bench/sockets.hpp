// Sockets as the benchmark programs need them: addresses written `unix:/path` or `inet:host:port` (as in
// mailcore.yaml), a listener, a connection, and epoll.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>

#include "core/base/fd.hpp"

namespace mailcore::bench {

base::Fd listen_on(std::string const& address);    // not blocking
base::Fd connect_to(std::string const& address);   // blocking, so that a full backlog is waited for

void stop_blocking(int descriptor);
void send_at_once(int connection);   // no Nagle; nothing on a unix socket

void write_all(int connection, std::string_view bytes);   // gives up when the peer is gone

class Poller {
public:
    Poller();
    void add(int descriptor, std::uint32_t events = EPOLLIN);   // level-triggered; the event carries the descriptor
    std::span<epoll_event const> wait(int milliseconds = -1);

private:
    static constexpr int kMostEvents = 64;   // few enough that the last of a batch does not wait long

    base::Fd epoll_;
    epoll_event events_[kMostEvents];
};

}   // namespace mailcore::bench
