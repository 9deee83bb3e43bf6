// The counters of a fleet: in Redis 5 or later, or Valkey, that all hosts share. A message's charges are one server-side
// script and one round trip; the time is the server's, so that the hosts' clocks do not matter.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/rules/limit.hpp"
#include "core/store/redis.hpp"

namespace mailcore::store {

class RedisLimits final : public rules::LimitStore {
public:
    // Which clock the script goes by. Given: that of the caller, for tests.
    enum class Clock { Server, Given };
    explicit RedisLimits(RedisPool& pool, Clock clock = Clock::Server);
    ~RedisLimits() override;

    base::Result<rules::Answer> take(std::span<rules::Charge const> charges, base::Time now) override;
    base::Result<> give_back(rules::Receipt const& receipt, base::Time now) override;
    base::Result<rules::BucketsAt> read(std::span<std::string const> keys, base::Time now) override;
    base::Result<rules::BucketsAt> list(std::string_view prefix, std::size_t most, base::Time now) override;
    base::Result<std::size_t> reset(std::string_view prefix) override;

private:
    std::string time_argument(base::Time now) const;
    std::int64_t slack() const;
    // Those parts whose buckets were changed by somebody else meanwhile.
    base::Result<std::vector<rules::Receipt::Part>> try_to_give_back(std::vector<rules::Receipt::Part> const& parts, base::Time now);

    RedisPool& pool_;
    Clock clock_;
};

}   // namespace mailcore::store
