// Internet addresses and blocks of them. IPv4, IPv6 and IPv4-mapped IPv6 are one: ::ffff:10.0.0.1 is 10.0.0.1.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

struct sockaddr;

namespace mailcore::net {

class IpAddress {
public:
    static constexpr int kBits = 128;

    IpAddress() = default;   // ::, "no address"

    // "10.0.0.250", "2001:db8::1", "[2001:db8::1]", "IPV6:2001:db8::1" (as XCLIENT writes it). No zone, no port.
    static base::Result<IpAddress> parse(std::string_view text);
    static base::Result<IpAddress> from_sockaddr(sockaddr const* address);   // AF_INET or AF_INET6

    bool is_v4() const;
    bool is_unspecified() const { return high_ == 0 && low_ == 0; }
    std::string to_string() const;

    std::uint64_t high() const { return high_; }   // the first 64 of 128 bits, in host order
    std::uint64_t low() const { return low_; }
    IpAddress masked(int prefix_length) const;     // of 128 bits

    bool operator==(IpAddress const&) const = default;

private:
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

struct CidrBlock {
    IpAddress network;
    int prefix_length = IpAddress::kBits;   // always of 128: 10.0.0.0/8 has 104

    // "10.0.0.0/8", "[2001:db8::]/32", "::1", "192.0.2.7". Set host bits are refused, naming the block meant.
    static base::Result<CidrBlock> parse(std::string_view text);

    bool contains(IpAddress const& address) const { return address.masked(prefix_length) == network; }
    std::string to_string() const;   // as Postfix's mynetworks writes it: "10.0.0.0/8", "[2001:db8::]/32"
    bool operator==(CidrBlock const&) const = default;
};

}   // namespace mailcore::net
