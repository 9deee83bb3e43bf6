// A store of limits in memory, which fails when it is told to: what the real ones do only when a disk or a server does.
#pragma once

#include <map>
#include <string>

#include "core/rules/limit.hpp"

namespace mailcore::testing {

class MemoryLimits final : public rules::LimitStore {
public:
    bool broken = false;
    std::string no_room_for;   // a key that is new, in a table that is full
    std::size_t reads = 0;
    std::size_t takes = 0;

    base::Result<rules::Answer> take(std::span<rules::Charge const> charges, base::Time now) override
    {
        ++takes;
        if (broken) return base::fail("the disk is full");
        rules::BucketsAt found{now, {}};
        for (auto const& charge : charges) found.buckets.push_back({charge.key, buckets_[charge.key]});
        auto answer = rules::peek(charges, found);
        for (auto const& outcome : answer.outcomes) {
            if (!outcome.passes()) return answer;
        }
        answer.taken = true;
        answer.buckets.clear();
        for (auto const& charge : charges) {
            if (charge.key == no_room_for) {
                ++answer.uncounted;
                answer.buckets.push_back({});
                continue;
            }
            auto& bucket = buckets_[charge.key];
            answer.receipt.parts.push_back({charge.key, charge.rate, rules::take(bucket, charge.rate, charge.cost, now)});
            answer.buckets.push_back(bucket);
        }
        return answer;
    }

    base::Result<> give_back(rules::Receipt const& receipt, base::Time now) override
    {
        if (broken) return base::fail("the disk is full");
        for (auto const& part : receipt.parts) rules::give_back(buckets_[part.key], part.rate, part.taken, now);
        return {};
    }

    base::Result<rules::BucketsAt> read(std::span<std::string const> keys, base::Time now) override
    {
        ++reads;
        if (broken) return base::fail("the disk is full");
        rules::BucketsAt found{now, {}};
        for (auto const& key : keys) found.buckets.push_back({key, buckets_[key]});
        return found;
    }

    base::Result<rules::BucketsAt> list(std::string_view, std::size_t, base::Time now) override { return rules::BucketsAt{now, {}}; }
    base::Result<std::size_t> reset(std::string_view prefix) override
    {
        return std::erase_if(buckets_, [&](auto const& entry) { return entry.first.starts_with(prefix); });
    }

    // How much of the whole burst is in use.
    std::uint64_t used(std::string const& key, rules::Rate const& rate, base::Time now) { return rules::level(buckets_[key], rate, now).used; }

private:
    std::map<std::string, rules::Bucket> buckets_;
};

}   // namespace mailcore::testing
