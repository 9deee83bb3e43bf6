// What the metrics say of limits: refusals and fill levels by tenant and limit, for as many of them as a scrape may carry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"

namespace mailcore::observe {

// How full a limit was when it was last counted, and when it will be empty if nothing more comes; between these it falls
// evenly.
struct LimitFill {
    double level = 0;         // of the burst: 0 to 1
    base::Time counted{};
    base::Time empty{};
    double at(base::Time now) const;
};

// The state of the store at a scrape.
struct LimitStoreFacts {
    bool up = true;
    bool on_fallback = false;
    bool fallback_up = true;              // or there is none
    bool host_suspensions_up = true;      // this host's own copy
    bool shared_suspensions_up = true;    // or there is none
    std::uint64_t failures = 0;
    std::uint64_t fallback_calls = 0;
    std::size_t suspended_tenants = 0;
};

// Safe from many threads; a lock is taken only for messages that limits apply to.
class LimitMetrics {
public:
    static constexpr std::size_t kMostSeries = 200;   // pairs of tenant and limit; what is beyond counts as "other"
    static constexpr std::size_t kMostFills = 100;    // the fullest are shown

    void count_refusal(std::string_view tenant, std::string_view limit);
    void count_given_back();
    void set_fill(std::string_view tenant, std::string_view limit, LimitFill const& fill);

    struct Refusals {
        std::string tenant, limit;
        std::uint64_t count;
    };
    std::vector<Refusals> refusals() const;
    struct Fill {
        std::string tenant, limit;
        double level;
    };
    std::vector<Fill> fills(base::Time now);   // forgets those that are empty
    std::uint64_t given_back() const;

private:
    using Pair = std::pair<std::string, std::string>;
    struct Less {
        using is_transparent = void;
        template <class Left, class Right>
        bool operator()(Left const& left, Right const& right) const
        {
            int const order = std::string_view{left.first}.compare(right.first);
            return order != 0 ? order < 0 : std::string_view{left.second} < std::string_view{right.second};
        }
    };
    static constexpr std::size_t kMostRemembered = 10'000;   // fills, until a scrape forgets the empty ones

    mutable std::mutex mutex_;
    std::map<Pair, std::uint64_t, Less> refusals_;
    std::map<Pair, LimitFill, Less> fills_;
    std::uint64_t given_back_ = 0;
};

}   // namespace mailcore::observe
