#include "core/net/ip.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/text.hpp"

namespace mailcore::net {
namespace {

constexpr std::uint64_t kMappedPrefix = 0x0000'FFFF'0000'0000ull;   // the low half of ::ffff:0:0 (RFC 4291 2.5.5.2)
constexpr int kMappedBits = 96;

std::uint64_t read_big_endian(unsigned char const* bytes)
{
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8u | bytes[i];
    return value;
}

void write_big_endian(std::uint64_t value, unsigned char* bytes)
{
    for (int i = 7; i >= 0; --i, value >>= 8u) bytes[i] = static_cast<unsigned char>(value);
}

}   // namespace

base::Result<IpAddress> IpAddress::parse(std::string_view text)
{
    auto bare = text;
    if (bare.size() > 5 && base::equal_ignoring_case(bare.substr(0, 5), "IPV6:")) bare.remove_prefix(5);
    else if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);

    char terminated[INET6_ADDRSTRLEN + 1] = {};   // inet_pton wants a C string
    if (bare.size() < sizeof terminated && bare.find('\0') == std::string_view::npos) {
        std::copy(bare.begin(), bare.end(), terminated);
        IpAddress address;
        if (in_addr v4{}; ::inet_pton(AF_INET, terminated, &v4) == 1) {
            address.low_ = kMappedPrefix | ntohl(v4.s_addr);
            return address;
        }
        if (in6_addr v6{}; ::inet_pton(AF_INET6, terminated, &v6) == 1) {
            address.high_ = read_big_endian(v6.s6_addr);
            address.low_ = read_big_endian(v6.s6_addr + 8);
            return address;
        }
    }
    return base::fail("\"" + base::printable(text) + "\" is not an IP address");
}

base::Result<IpAddress> IpAddress::from_sockaddr(sockaddr const* socket_address)
{
    IpAddress address;
    if (socket_address != nullptr && socket_address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, socket_address, sizeof v4);
        address.low_ = kMappedPrefix | ntohl(v4.sin_addr.s_addr);
        return address;
    }
    if (socket_address != nullptr && socket_address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, socket_address, sizeof v6);
        address.high_ = read_big_endian(v6.sin6_addr.s6_addr);
        address.low_ = read_big_endian(v6.sin6_addr.s6_addr + 8);
        return address;
    }
    return base::fail("the peer has no Internet address");
}

bool IpAddress::is_v4() const { return high_ == 0 && (low_ & 0xFFFF'FFFF'0000'0000ull) == kMappedPrefix; }

std::string IpAddress::to_string() const
{
    char text[INET6_ADDRSTRLEN] = {};
    if (is_v4()) {
        in_addr const v4{htonl(static_cast<std::uint32_t>(low_))};
        ::inet_ntop(AF_INET, &v4, text, sizeof text);
    } else {
        in6_addr v6{};
        write_big_endian(high_, v6.s6_addr);
        write_big_endian(low_, v6.s6_addr + 8);
        ::inet_ntop(AF_INET6, &v6, text, sizeof text);
    }
    return text;
}

IpAddress IpAddress::masked(int prefix_length) const
{
    auto const keep = [](std::uint64_t half, int bits) {
        return bits <= 0 ? 0 : bits >= 64 ? half : half & ~(~std::uint64_t{0} >> static_cast<unsigned>(bits));
    };
    IpAddress result;
    result.high_ = keep(high_, prefix_length);
    result.low_ = keep(low_, prefix_length - 64);
    return result;
}

base::Result<CidrBlock> CidrBlock::parse(std::string_view text)
{
    auto const slash = text.rfind('/');
    auto const address = IpAddress::parse(text.substr(0, slash));
    if (!address) {
        return base::fail("\"" + base::printable(text) +
                          "\" is not a network; write an address or a block, as in 10.0.0.0/24 or [2001:db8::]/32");
    }

    CidrBlock block{*address, IpAddress::kBits};
    if (slash == std::string_view::npos) return block;

    int const offset = address->is_v4() && text.substr(0, slash).find(':') == std::string_view::npos ? kMappedBits : 0;
    auto const digits = text.substr(slash + 1);
    int written = -1;
    auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), written);
    if (failure != std::errc{} || end != digits.data() + digits.size() || written < 0 ||
        written > IpAddress::kBits - offset) {
        return base::fail("\"" + base::printable(text) + "\" has no valid prefix length; it is 0 to " +
                          std::to_string(IpAddress::kBits - offset));
    }
    block.prefix_length = written + offset;
    block.network = address->masked(block.prefix_length);
    if (block.network != *address) {
        return base::fail("\"" + std::string{text} + "\" has address bits beyond its prefix; did you mean " +
                          block.to_string() + "?");
    }
    return block;
}

std::string CidrBlock::to_string() const
{
    // A block that reaches beyond the mapped range, such as ::/0, is written as IPv6.
    bool const v4 = network.is_v4() && prefix_length >= kMappedBits;
    auto const address = v4 ? network.to_string() : "[" + network.to_string() + "]";
    return address + "/" + std::to_string(prefix_length - (v4 ? kMappedBits : 0));
}

}   // namespace mailcore::net
