#include "bench/sockets.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/options.hpp"

namespace mailcore::bench {

namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    sockaddr const* get() const { return reinterpret_cast<sockaddr const*>(&storage); }
};

Address unix_address(std::string const& path)
{
    auto name = sockaddr_un{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path) give_up("socket path too long: " + path);
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    auto address = Address{};
    std::memcpy(&address.storage, &name, sizeof name);
    address.length = sizeof name;
    return address;
}

Address inet_address(std::string const& host, std::string const& port)
{
    auto wish = addrinfo{};
    wish.ai_socktype = SOCK_STREAM;
    wish.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &wish, &found) != 0) give_up("no address: " + host + ":" + port);
    auto address = Address{};
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.length = found->ai_addrlen;
    ::freeaddrinfo(found);
    return address;
}

Address parse_address(std::string const& written)
{
    if (written.starts_with("unix:")) return unix_address(written.substr(5));
    auto const colon = written.rfind(':');
    if (!written.starts_with("inet:") || colon <= 5) give_up("not unix:/path or inet:host:port: " + written);
    return inet_address(written.substr(5, colon - 5), written.substr(colon + 1));
}

base::Fd open_socket(Address const& address)
{
    auto socket = base::Fd{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket) give_up_errno("socket");
    return socket;
}

}   // namespace

base::Fd listen_on(std::string const& written)
{
    auto const address = parse_address(written);
    auto socket = open_socket(address);
    auto const on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket.get(), address.get(), address.length) != 0) give_up_errno("bind " + written);
    if (::listen(socket.get(), SOMAXCONN) != 0) give_up_errno("listen on " + written);
    stop_blocking(socket.get());
    return socket;
}

base::Fd connect_to(std::string const& written)
{
    auto const address = parse_address(written);
    auto socket = open_socket(address);
    if (::connect(socket.get(), address.get(), address.length) != 0) give_up_errno("connect to " + written);
    send_at_once(socket.get());
    return socket;
}

void stop_blocking(int descriptor)
{
    if (::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK) != 0) give_up_errno("O_NONBLOCK");
}

void send_at_once(int connection)
{
    auto const on = 1;
    ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void write_all(int connection, std::string_view bytes)
{
    while (!bytes.empty()) {
        auto const written = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) give_up_errno("write to the server");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

Poller::Poller() : epoll_{::epoll_create1(EPOLL_CLOEXEC)}
{
    if (!epoll_) give_up_errno("epoll_create1");
}

void Poller::add(int descriptor, std::uint32_t events)
{
    auto event = epoll_event{};
    event.events = events;
    event.data.fd = descriptor;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) give_up_errno("epoll_ctl");
}

std::span<epoll_event const> Poller::wait(int milliseconds)
{
    auto const count = ::epoll_wait(epoll_.get(), events_, kMostEvents, milliseconds);
    if (count < 0 && errno != EINTR) give_up_errno("epoll_wait");
    return {events_, static_cast<std::size_t>(count < 0 ? 0 : count)};
}

}   // namespace mailcore::bench
