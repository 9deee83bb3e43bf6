#include "core/net/ip.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace mailcore::net {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
CidrBlock block(std::string_view text) { return CidrBlock::parse(text).value(); }

std::string complaint(std::string_view text)
{
    auto const parsed = CidrBlock::parse(text);
    return parsed ? "accepted as " + parsed->to_string() : parsed.error().message;
}

TEST(IpAddress, PrintsWhatItParsed)
{
    for (std::string_view const text : {"10.0.0.250", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::1", "fe80::1", "::"}) {
        EXPECT_EQ(ip(text).to_string(), text);
    }
    EXPECT_EQ(ip("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
}

TEST(IpAddress, MappedIpv4IsIpv4)
{
    EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
    EXPECT_EQ(ip("::ffff:a00:1"), ip("10.0.0.1"));
    EXPECT_EQ(ip("::ffff:10.0.0.1").to_string(), "10.0.0.1");
    EXPECT_TRUE(ip("::ffff:10.0.0.1").is_v4());
    EXPECT_FALSE(ip("::10.0.0.1").is_v4()) << "the obsolete compatible form is IPv6";
    EXPECT_FALSE(ip("64:ff9b::10.0.0.1").is_v4());
}

TEST(IpAddress, TakesBracketsAndXclientsPrefix)
{
    EXPECT_EQ(ip("[2001:db8::1]"), ip("2001:db8::1"));
    EXPECT_EQ(ip("IPV6:2001:db8::1"), ip("2001:db8::1"));
    EXPECT_EQ(ip("IPv6:2001:db8::1"), ip("2001:db8::1"));
}

TEST(IpAddress, RefusesTheRest)
{
    for (std::string_view const text : {"", "unknown", "10.0.0", "10.0.0.256", "10.0.0.1.1", "010.0.0.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1:25",
                                        "fe80::1%eth0", "2001:db8::1::2", ":", "[2001:db8::1", "2001:db8::1]", "[]", "IPV6:", "0x0a000001",
                                        "1234:1234:1234:1234:1234:1234:1234:1234:1234"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string_view{"10.0.0.1\0", 9}));
    EXPECT_FALSE(IpAddress::parse(std::string_view{})) << "no text at all, not even an empty one";
    EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
    EXPECT_EQ(IpAddress::parse("a\nb").error().message, "\"a?b\" is not an IP address");
}

TEST(IpAddress, KnowsTheUnspecified)
{
    EXPECT_TRUE(IpAddress{}.is_unspecified());
    EXPECT_TRUE(ip("::").is_unspecified());
    EXPECT_FALSE(ip("0.0.0.0").is_unspecified());
}

TEST(IpAddress, ComesFromASocket)
{
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(0x0A0000FA);
    EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr const*>(&v4)).value(), ip("10.0.0.250"));

    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    ASSERT_EQ(::inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
    EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr const*>(&v6)).value(), ip("2001:db8::1"));
    ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:10.0.0.250", &v6.sin6_addr), 1);
    EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr const*>(&v6)).value(), ip("10.0.0.250"));

    sockaddr_un other{};
    other.sun_family = AF_UNIX;
    EXPECT_EQ(IpAddress::from_sockaddr(reinterpret_cast<sockaddr const*>(&other)).error().message, "the peer has no Internet address");
    EXPECT_FALSE(IpAddress::from_sockaddr(nullptr));
}

TEST(IpAddress, MasksAtEveryLength)
{
    auto const all = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    EXPECT_EQ(all.masked(0), IpAddress{});
    EXPECT_EQ(all.masked(1), ip("8000::"));
    EXPECT_EQ(all.masked(63), ip("ffff:ffff:ffff:fffe::"));
    EXPECT_EQ(all.masked(64), ip("ffff:ffff:ffff:ffff::"));
    EXPECT_EQ(all.masked(65), ip("ffff:ffff:ffff:ffff:8000::"));
    EXPECT_EQ(all.masked(127), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"));
    EXPECT_EQ(all.masked(128), all);
}

TEST(CidrBlock, HoldsItsAddressesAndNoOthers)
{
    EXPECT_TRUE(block("10.0.0.0/8").contains(ip("10.255.255.255")));
    EXPECT_FALSE(block("10.0.0.0/8").contains(ip("11.0.0.0")));
    EXPECT_TRUE(block("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
    EXPECT_FALSE(block("10.0.0.0/8").contains(ip("a00::1")));
    EXPECT_TRUE(block("192.0.2.7").contains(ip("192.0.2.7")));
    EXPECT_FALSE(block("192.0.2.7").contains(ip("192.0.2.6")));
    EXPECT_TRUE(block("[2001:db8::]/32").contains(ip("2001:db8:ffff::1")));
    EXPECT_FALSE(block("2001:db8::/32").contains(ip("2001:db9::1")));
}

TEST(CidrBlock, AllOfIpv4IsNotAllOfIpv6)
{
    EXPECT_TRUE(block("0.0.0.0/0").contains(ip("203.0.113.1")));
    EXPECT_FALSE(block("0.0.0.0/0").contains(ip("2001:db8::1")));
    EXPECT_TRUE(block("::/0").contains(ip("2001:db8::1")));
    EXPECT_TRUE(block("::/0").contains(ip("203.0.113.1"))) << "IPv4 is a part of the 128 bits";
}

TEST(CidrBlock, TheMappedFormIsTheSame)
{
    EXPECT_EQ(block("::ffff:10.0.0.0/104"), block("10.0.0.0/8"));
    EXPECT_EQ(block("::ffff:0:0/96"), block("0.0.0.0/0"));
    EXPECT_EQ(block("::ffff:192.0.2.7"), block("192.0.2.7/32"));
}

TEST(CidrBlock, PrintsAsPostfixWritesIt)
{
    EXPECT_EQ(block("10.0.0.0/8").to_string(), "10.0.0.0/8");
    EXPECT_EQ(block("192.0.2.7").to_string(), "192.0.2.7/32");
    EXPECT_EQ(block("2001:db8::/32").to_string(), "[2001:db8::]/32");
    EXPECT_EQ(block("[::1]").to_string(), "[::1]/128");
    EXPECT_EQ(block("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
    EXPECT_EQ(block("0.0.0.0/0").to_string(), "0.0.0.0/0");
    EXPECT_EQ(block("::/0").to_string(), "[::]/0");
    for (std::string_view const text : {"0.0.0.0/0", "0.0.0.0/1", "255.255.255.255/32", "[::]/0", "[::]/95", "[::]/96", "[::]/128", "[8000::]/1"}) {
        EXPECT_EQ(block(text).to_string(), text);
    }
}

TEST(CidrBlock, RefusesHostBitsAndNamesTheBlockMeant)
{
    EXPECT_EQ(complaint("10.0.0.250/24"), "\"10.0.0.250/24\" has address bits beyond its prefix; did you mean 10.0.0.0/24?");
    EXPECT_EQ(complaint("2001:db8::1/64"), "\"2001:db8::1/64\" has address bits beyond its prefix; did you mean [2001:db8::]/64?");
    EXPECT_EQ(complaint("0.0.0.1/0"), "\"0.0.0.1/0\" has address bits beyond its prefix; did you mean 0.0.0.0/0?");
}

TEST(CidrBlock, MindsTheBoundsOfAPrefix)
{
    EXPECT_EQ(complaint("10.0.0.0/33"), "\"10.0.0.0/33\" has no valid prefix length; it is 0 to 32");
    EXPECT_EQ(complaint("2001:db8::/129"), "\"2001:db8::/129\" has no valid prefix length; it is 0 to 128");
    EXPECT_EQ(complaint("::ffff:10.0.0.0/129"), "\"::ffff:10.0.0.0/129\" has no valid prefix length; it is 0 to 128");
    for (std::string_view const text : {"10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x", "10.0.0.0/ 8", "10.0.0.0/255.0.0.0",
                                        "10.0.0.0/99999999999", "10.0.0.0/2147483647", "::/2147483647"}) {
        EXPECT_FALSE(CidrBlock::parse(text)) << text;
    }
}

TEST(CidrBlock, RefusesWhatIsNoNetwork)
{
    EXPECT_EQ(complaint("backend"), "\"backend\" is not a network; write an address or a block, as in 10.0.0.0/24 or [2001:db8::]/32");
    for (std::string_view const text : {"", "/8", "10.0.0/8", "[10.0.0.0/8]", "10.0.0.0/8/8", "$backend", "!10.0.0.1", "2001:db8::/32,10.0.0.0/8"}) {
        EXPECT_FALSE(CidrBlock::parse(text)) << text;
    }
}

}   // namespace
}   // namespace mailcore::net
