// A longest-prefix map: from blocks of addresses to values, found in time that does not grow with their number.
//
//     CidrMap<int> map;
//     map[CidrBlock::parse("10.0.0.0/8").value()] = 1;
//     map.for_each_match(address, [](int value) { …; return true; });   // most specific block first
//
// One hash table holds all blocks; a lookup probes it once for each prefix length in use, longest first.
// Relay hosts use a handful of lengths (/32, /24, /16, /128, /64); the worst case is 129 probes.
// const members are safe from many threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include "core/base/flat_map.hpp"
#include "core/net/ip.hpp"

namespace mailcore::net {

struct CidrBlockHash {
    std::size_t operator()(CidrBlock const& block) const noexcept;
};

template <class Value>
class CidrMap {
public:
    Value& operator[](CidrBlock const& block)
    {
        auto const place = std::lower_bound(lengths_.begin(), lengths_.end(), block.prefix_length, std::greater<>{});
        if (place == lengths_.end() || *place != block.prefix_length) lengths_.insert(place, block.prefix_length);
        return values_[block];
    }

    // Calls visit(value) for each block that holds the address, longest prefix first, until it returns false.
    template <class Visit>
    void for_each_match(IpAddress const& address, Visit visit) const
    {
        for (int const length : lengths_) {
            auto const* const found = values_.find(CidrBlock{address.masked(length), length});
            if (found != nullptr && !visit(found->second)) return;
        }
    }

    Value const* find(IpAddress const& address) const   // the longest match, or nullptr
    {
        Value const* best = nullptr;
        for_each_match(address, [&](Value const& value) { best = &value; return false; });
        return best;
    }

    // Calls visit(block, value) for every block, in no order.
    template <class Visit>
    void for_each(Visit visit)
    {
        for (auto& [block, value] : values_) visit(block, value);
    }

    std::size_t size() const { return values_.size(); }
    auto begin() const { return values_.begin(); }
    auto end() const { return values_.end(); }

private:
    base::FlatMap<CidrBlock, Value, CidrBlockHash, std::equal_to<>> values_;
    std::vector<int> lengths_;   // the prefix lengths in use, longest first
};

}   // namespace mailcore::net
