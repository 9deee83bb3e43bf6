// Of many buckets that pass by one after another the fullest: those which will be empty last. Keeps few of them at any time.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/rules/limit.hpp"

namespace mailcore::store {

class Fullest {
public:
    explicit Fullest(std::size_t most) : most_{most} {}

    void add(std::string key, rules::Bucket const& bucket)
    {
        kept_.push_back({std::move(key), bucket});
        ++total_;
        if (kept_.size() >= 2 * most_ + 1'000) cut();
    }

    // In the order of their keys. Redis' SCAN may tell a key twice: it is listed once.
    void list(rules::BucketsAt& into)
    {
        drop_repeated();
        cut();
        std::sort(kept_.begin(), kept_.end(), by_key);
        into.buckets = std::move(kept_);
        into.total = total_;
    }

private:
    using Entry = rules::KeyedBucket;
    static bool by_key(Entry const& left, Entry const& right) { return left.key < right.key; }
    static bool is_fuller(Entry const& left, Entry const& right)
    {
        return left.bucket.micros != right.bucket.micros ? left.bucket.micros > right.bucket.micros : by_key(left, right);
    }

    void cut()
    {
        if (kept_.size() <= most_) return;
        std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(most_), kept_.end(), is_fuller);
        kept_.resize(most_);
    }

    void drop_repeated()
    {
        std::sort(kept_.begin(), kept_.end(), by_key);
        auto const repeated = std::unique(kept_.begin(), kept_.end(), [](Entry const& left, Entry const& right) { return left.key == right.key; });
        total_ -= static_cast<std::size_t>(kept_.end() - repeated);
        kept_.erase(repeated, kept_.end());
    }

    std::size_t const most_;
    std::size_t total_ = 0;
    std::vector<Entry> kept_;
};

}   // namespace mailcore::store
