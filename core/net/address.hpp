// Socket addresses as the operator writes them: "unix:/path", "inet:host:port", "systemd", "" for none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::net {

struct SocketAddress {
    enum class Kind { Off, Unix, Inet, Systemd };
    Kind kind = Kind::Off;
    std::string path;   // Unix
    std::string host;   // Inet: an address without brackets, or a name
    std::uint16_t port = 0;

    // "inet:[::1]:8891", "inet:127.0.0.1:9461", "unix:/run/x.sock". A unix path must be absolute and fit sockaddr_un.
    static base::Result<SocketAddress> parse(std::string_view text);
    std::string to_string() const;
    bool operator==(SocketAddress const&) const = default;
};

bool is_ipv6(SocketAddress const& address);   // written as an address; a name may be either

// Where metrics are served, by HTTP: off or inet, over IPv4 only (Debian's civetweb knows no IPv6).
base::Result<SocketAddress> parse_metrics_address(std::string_view text);

}   // namespace mailcore::net
