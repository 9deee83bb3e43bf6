#include "core/net/listener.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <memory>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <utility>

namespace mailcore::net {
namespace {

sockaddr_un unix_address(std::string const& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    return address;
}

sockaddr const* generic(sockaddr_un const& address) { return reinterpret_cast<sockaddr const*>(&address); }

base::Result<gid_t> group_id(std::string const& name)
{
    group entry{};
    group* found = nullptr;
    std::vector<char> buffer(16'384);
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
        return base::fail("socket_group: there is no group \"" + name + "\" on this host");
    }
    return found->gr_gid;
}

base::Result<base::Fd> bind_unix(std::string const& path)
{
    if (is_served(path)) return base::fail("unix:" + path + ": another process already serves this socket");
    std::error_code failure;
    auto const there = std::filesystem::symlink_status(path, failure).type();
    if (there == std::filesystem::file_type::socket) {
        ::unlink(path.c_str());   // what a killed daemon left
    } else if (there != std::filesystem::file_type::not_found) {
        return base::fail("unix:" + path + ": a file that is no socket is in the way");   // a slip must not cost data
    }
    base::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    auto const address = unix_address(path);
    mode_t const former = ::umask(0177);   // nobody else may connect before the mode is set
    bool const bound = ::bind(socket.get(), generic(address), sizeof address) == 0;
    ::umask(former);
    if (!bound || ::listen(socket.get(), SOMAXCONN) != 0) return base::fail_errno("unix:" + path);
    return socket;
}

base::Result<base::Fd> bind_inet(SocketAddress const& address)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    int const failure = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
    if (failure != 0) return base::fail(address.to_string() + ": " + ::gai_strerror(failure));
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const guard{found, &::freeaddrinfo};

    base::Fd socket{::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    int const on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);   // accepted sockets inherit it
    if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
        return base::fail_errno(address.to_string());
    }
    return socket;
}

base::Result<std::vector<base::Fd>> take_from_systemd()
{
    int const count = ::sd_listen_fds(1);
    if (count <= 0) {
        return base::fail("listen: systemd, but systemd passed no socket; start it by its .socket unit or name an address");
    }
    std::vector<base::Fd> sockets;
    for (int i = 0; i < count; ++i) {
        int const number = SD_LISTEN_FDS_START + i;
        ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
        sockets.emplace_back(number);
    }
    return sockets;
}

}   // namespace

base::Result<SocketPermissions> parse_permissions(std::string const& octal_mode, std::string const& group)
{
    unsigned mode = 0;
    auto const* const end = octal_mode.data() + octal_mode.size();
    auto const [stop, failure] = std::from_chars(octal_mode.data(), end, mode, 8);
    if (failure != std::errc{} || stop != end || mode > 0777) {
        return base::fail("socket_mode: \"" + octal_mode + "\" is not an octal mode, as in \"0660\"");
    }
    return SocketPermissions{static_cast<mode_t>(mode), group};
}

base::Result<> apply_permissions(std::string const& path, SocketPermissions const& permissions)
{
    if (!permissions.group.empty()) {
        auto const group = group_id(permissions.group);
        if (!group) return base::fail(group.error());
        if (::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
            return base::fail_errno("cannot give " + path + " to group " + permissions.group +
                                    " (is the daemon's user a member of it?)");
        }
    }
    if (::chmod(path.c_str(), permissions.mode) != 0) return base::fail_errno("cannot set the mode of " + path);
    return {};
}

base::Result<> make_socket_directory(std::string const& socket_path, SocketPermissions const& permissions)
{
    auto const directory = std::filesystem::path{socket_path}.parent_path();
    std::error_code failure;
    if (std::filesystem::is_directory(directory, failure)) return {};
    if (!std::filesystem::create_directory(directory, failure)) {
        return base::fail("cannot make the socket's directory " + directory.string() + ": " + failure.message());
    }
    return apply_permissions(directory.string(), {02750, permissions.group});
}

bool is_served(std::string const& socket_path)
{
    base::Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    auto const address = unix_address(socket_path);
    return ::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN;
}

base::Result<Listener> Listener::open(SocketAddress const& address, SocketPermissions const& permissions)
{
    Listener listener;
    if (address.kind == SocketAddress::Kind::Systemd) {
        auto sockets = take_from_systemd();
        if (!sockets) return base::fail(sockets.error());
        listener.sockets_ = std::move(*sockets);
        return listener;
    }
    if (address.kind == SocketAddress::Kind::Inet) {
        auto socket = bind_inet(address);
        if (!socket) return base::fail(socket.error());
        listener.sockets_.push_back(std::move(*socket));
        return listener;
    }
    if (address.kind == SocketAddress::Kind::Off) return base::fail("no address to listen on");

    auto const directory = make_socket_directory(address.path, permissions);
    if (!directory) return base::fail(directory.error());
    auto socket = bind_unix(address.path);
    if (!socket) return base::fail(socket.error());
    listener.owned_path_ = address.path;
    listener.sockets_.push_back(std::move(*socket));
    auto const permitted = apply_permissions(address.path, permissions);
    if (!permitted) return base::fail(permitted.error());
    return listener;
}

Listener::~Listener()
{
    if (!sockets_.empty() && !owned_path_.empty()) ::unlink(owned_path_.c_str());
}

}   // namespace mailcore::net
