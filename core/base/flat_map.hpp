// A hash map for what is built once and then asked a million times: one array of small slots, one of entries. A miss
// costs one cache line and a hit two or three, where std::unordered_map costs five or more; with 100,000 tenants cache
// misses are all that a lookup costs.
//
//     FlatMap<AddressPattern, int, AddressPatternHash, AddressPatternEqual> map;
//     map[pattern] = 1;
//     if (auto const* entry = map.find(view)) use(entry->second);
//
// Hash and Equal also take whatever find() is given. References are good until the next insertion. Nothing is erased.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mailcore::base {

template <class Key, class Value, class Hash, class Equal>
class FlatMap {
public:
    using Entry = std::pair<Key, Value>;

    Value& operator[](Key const& key)
    {
        if (auto const* found = find(key)) return entries_[static_cast<std::size_t>(found - entries_.data())].second;
        if ((entries_.size() + 1) * 2 > slots_.size()) grow();
        entries_.emplace_back(key, Value{});
        place(entries_.size(), key);
        return entries_.back().second;
    }

    template <class View>
    Entry const* find(View const& key) const   // nullptr: not there
    {
        if (slots_.empty()) return nullptr;
        auto const hash = mixed(Hash{}(key));
        for (auto at = hash & mask_;; at = (at + 1) & mask_) {
            auto const slot = slots_[at];
            if (slot.number == 0) return nullptr;
            if (slot.tag != tag(hash)) continue;
            auto const& entry = entries_[slot.number - 1];
            if (Equal{}(entry.first, key)) return &entry;
        }
    }

    bool empty() const { return entries_.empty(); }
    std::size_t size() const { return entries_.size(); }
    auto begin() { return entries_.begin(); }
    auto end() { return entries_.end(); }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

private:
    struct Slot {
        std::uint32_t tag = 0;      // of the hash: saves most looks at entries
        std::uint32_t number = 0;   // of the entry, from 1; 0 = free
    };

    // Fibonacci hashing: keys that differ little must not end in neighbouring slots.
    static std::uint64_t mixed(std::uint64_t hash)
    {
        hash = (hash ^ (hash >> 32u)) * 0x9E37'79B9'7F4A'7C15ull;
        return hash ^ (hash >> 29u);
    }
    static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32u); }

    void place(std::size_t number, Key const& key)
    {
        auto const hash = mixed(Hash{}(key));
        auto at = hash & mask_;
        while (slots_[at].number != 0) at = (at + 1) & mask_;
        slots_[at] = {tag(hash), static_cast<std::uint32_t>(number)};
    }

    void grow()
    {
        slots_.assign(slots_.empty() ? 8 : slots_.size() * 2, {});
        mask_ = slots_.size() - 1;
        for (std::size_t i = 0; i < entries_.size(); ++i) place(i + 1, entries_[i].first);
    }

    std::vector<Slot> slots_;   // a power of two, at most half full
    std::vector<Entry> entries_;
    std::uint64_t mask_ = 0;
};

}   // namespace mailcore::base
