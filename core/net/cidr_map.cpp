#include "core/net/cidr_map.hpp"

namespace mailcore::net {

std::size_t CidrBlockHash::operator()(CidrBlock const& block) const noexcept
{
    // splitmix64's finisher over both halves: neighbouring addresses must not share a bucket.
    auto const mix = [](std::uint64_t x) {
        x = (x ^ (x >> 30u)) * 0xBF58'476D'1CE4'E5B9ull;
        x = (x ^ (x >> 27u)) * 0x94D0'49BB'1331'11EBull;
        return x ^ (x >> 31u);
    };
    return mix(block.network.low() + mix(block.network.high() + static_cast<std::uint64_t>(block.prefix_length)));
}

}   // namespace mailcore::net
