#include "core/net/address.hpp"

#include <gtest/gtest.h>

namespace mailcore::net {
namespace {

std::string round_trip(std::string_view text) { return SocketAddress::parse(text).value().to_string(); }

std::string complaint(std::string_view text)
{
    auto const parsed = SocketAddress::parse(text);
    return parsed ? "accepted as " + parsed->to_string() : parsed.error().message;
}

TEST(SocketAddress, TakesTheFourForms)
{
    auto const unix_socket = SocketAddress::parse("unix:/var/spool/postfix/mailcore/policy.sock").value();
    EXPECT_EQ(unix_socket.kind, SocketAddress::Kind::Unix);
    EXPECT_EQ(unix_socket.path, "/var/spool/postfix/mailcore/policy.sock");

    auto const v4 = SocketAddress::parse("inet:127.0.0.1:9461").value();
    EXPECT_EQ(v4.kind, SocketAddress::Kind::Inet);
    EXPECT_EQ(v4.host, "127.0.0.1");
    EXPECT_EQ(v4.port, 9461);

    auto const v6 = SocketAddress::parse("inet:[::1]:9461").value();
    EXPECT_EQ(v6.host, "::1");
    EXPECT_EQ(v6.port, 9461);

    EXPECT_EQ(SocketAddress::parse("inet:localhost:1").value().host, "localhost");
    EXPECT_EQ(SocketAddress::parse("systemd").value().kind, SocketAddress::Kind::Systemd);
    EXPECT_EQ(SocketAddress::parse("").value().kind, SocketAddress::Kind::Off);
}

TEST(SocketAddress, PrintsWhatItParsed)
{
    for (std::string_view const text : {"unix:/run/x.sock", "inet:127.0.0.1:9461", "inet:[::1]:8891", "inet:[2001:db8::1]:1", "systemd", ""}) {
        EXPECT_EQ(round_trip(text), text);
    }
}

TEST(SocketAddress, RefusesBadPorts)
{
    for (std::string_view const text : {"inet:127.0.0.1", "inet:127.0.0.1:", "inet:127.0.0.1:0", "inet:127.0.0.1:65536",
                                        "inet:127.0.0.1:-1", "inet:127.0.0.1:+1", "inet:127.0.0.1:x", "inet:127.0.0.1:1x",
                                        "inet:127.0.0.1: 1", "inet:[::1]", "inet::1", "inet:", "inet:[]:25", "inet:9461"}) {
        auto const host_and_port = std::string{text.substr(5)};
        EXPECT_EQ(complaint(text), "\"inet:" + host_and_port + "\" needs a host and a port from 1 to 65535, as in inet:127.0.0.1:9461");
    }
    EXPECT_EQ(SocketAddress::parse("inet:127.0.0.1:65535").value().port, 65535);
}

TEST(SocketAddress, WantsBracketsAroundIpv6)
{
    EXPECT_EQ(complaint("inet:::1:25"), "\"inet:::1:25\" needs a host and a port from 1 to 65535, as in inet:127.0.0.1:9461");
    EXPECT_EQ(complaint("inet:2001:db8::1"), "\"inet:2001:db8::1\" needs a host and a port from 1 to 65535, as in inet:127.0.0.1:9461");
}

TEST(SocketAddress, WantsAnAbsolutePathThatFits)
{
    EXPECT_EQ(complaint("unix:policy.sock"), "the path of a unix socket must be absolute, as in unix:/run/mailcore/policy.sock");
    EXPECT_EQ(complaint("unix:"), "the path of a unix socket must be absolute, as in unix:/run/mailcore/policy.sock");
    EXPECT_TRUE(SocketAddress::parse("unix:/" + std::string(106, 'x')));
    EXPECT_EQ(complaint("unix:/" + std::string(107, 'x')), "the path of a unix socket must be shorter than 108 bytes; this one has 108");
}

TEST(SocketAddress, RefusesOtherForms)
{
    for (std::string_view const text : {"/run/x.sock", "local:/run/x", "tcp:127.0.0.1:25", "Systemd", "systemd:", "127.0.0.1:25", " unix:/x"}) {
        EXPECT_EQ(complaint(text), "\"" + std::string{text} + "\" is not a socket; write unix:/path, inet:host:port or systemd");
    }
}

}   // namespace
}   // namespace mailcore::net
