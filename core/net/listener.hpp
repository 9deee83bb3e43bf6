// Listening sockets: unix, inet, or handed over by systemd.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/net/address.hpp"

namespace mailcore::net {

// Who may connect to a unix socket. The directory is made if it is missing: 2750, with the same group.
struct SocketPermissions {
    mode_t mode = 0660;
    std::string group;   // empty = leave it
};

base::Result<SocketPermissions> parse_permissions(std::string const& octal_mode, std::string const& group);

// Sets mode and group of a path; made for sockets that others (libmilter) have bound.
base::Result<> apply_permissions(std::string const& path, SocketPermissions const& permissions);
base::Result<> make_socket_directory(std::string const& socket_path, SocketPermissions const& permissions);

// Is somebody accepting connections there? Tells a live daemon from the stale socket of a dead one.
bool is_served(std::string const& socket_path);

class Listener {
public:
    // Unix: a stale socket is replaced, a served one is an error. Systemd: takes every descriptor passed.
    // The sockets are non-blocking and close on exec.
    static base::Result<Listener> open(SocketAddress const& address, SocketPermissions const& permissions);

    std::vector<base::Fd> const& sockets() const { return sockets_; }

    Listener(Listener&&) = default;
    Listener& operator=(Listener&&) = default;
    ~Listener();   // removes the unix socket it made

private:
    Listener() = default;
    std::vector<base::Fd> sockets_;
    std::string owned_path_;
};

}   // namespace mailcore::net
