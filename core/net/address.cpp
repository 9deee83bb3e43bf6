#include "core/net/address.hpp"

#include <charconv>
#include <sys/un.h>

#include "core/base/text.hpp"

namespace mailcore::net {
namespace {

base::Result<SocketAddress> parse_unix(std::string_view path)
{
    if (path.empty() || path.front() != '/') {
        return base::fail("the path of a unix socket must be absolute, as in unix:/run/mailcore/policy.sock");
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return base::fail("the path of a unix socket must be shorter than " +
                          std::to_string(sizeof(sockaddr_un::sun_path)) + " bytes; this one has " +
                          std::to_string(path.size()));
    }
    return SocketAddress{SocketAddress::Kind::Unix, std::string{path}, "", 0};
}

base::Result<SocketAddress> parse_inet(std::string_view text)
{
    auto const colon = text.rfind(':');
    auto host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
    auto const digits = text.substr(colon == std::string_view::npos ? text.size() : colon + 1);
    bool const bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    // Without brackets nobody can tell the port from the address's last group.
    else if (host.find(':') != std::string_view::npos) host = {};

    std::uint16_t port = 0;
    auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (host.empty() || failure != std::errc{} || end != digits.data() + digits.size() || port == 0) {
        return base::fail("\"inet:" + base::printable(text) + "\" needs a host and a port from 1 to 65535, as in inet:127.0.0.1:9461");
    }
    return SocketAddress{SocketAddress::Kind::Inet, "", std::string{host}, port};
}

}   // namespace

base::Result<SocketAddress> SocketAddress::parse(std::string_view text)
{
    if (text.empty()) return SocketAddress{};
    if (text == "systemd") return SocketAddress{Kind::Systemd, "", "", 0};
    if (text.starts_with("unix:")) return parse_unix(text.substr(5));
    if (text.starts_with("inet:")) return parse_inet(text.substr(5));
    return base::fail("\"" + base::printable(text) + "\" is not a socket; write unix:/path, inet:host:port or systemd");
}

std::string SocketAddress::to_string() const
{
    switch (kind) {
        case Kind::Off: return "";
        case Kind::Systemd: return "systemd";
        case Kind::Unix: return "unix:" + path;
        case Kind::Inet:
            return "inet:" + (is_ipv6(*this) ? "[" + host + "]" : host) + ":" + std::to_string(port);
    }
    return "";
}

bool is_ipv6(SocketAddress const& address) { return address.host.find(':') != std::string::npos; }

base::Result<SocketAddress> parse_metrics_address(std::string_view text)
{
    using Kind = SocketAddress::Kind;
    auto address = SocketAddress::parse(text);
    if (!address) return address;
    if (address->kind != Kind::Off && address->kind != Kind::Inet) return base::fail("write inet:host:port, or \"\" for none");
    if (is_ipv6(*address)) return base::fail("metrics are served over IPv4 only; write inet:127.0.0.1:" + std::to_string(address->port));
    return address;
}

}   // namespace mailcore::net
