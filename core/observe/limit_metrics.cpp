#include "core/observe/limit_metrics.hpp"

#include <algorithm>

namespace mailcore::observe {
namespace {

constexpr std::string_view kOther = "other";

using View = std::pair<std::string_view, std::string_view>;

}   // namespace

double LimitFill::at(base::Time now) const
{
    if (now >= empty) return 0;
    if (now <= counted) return level;
    auto const rest = std::chrono::duration<double>(empty - now) / std::chrono::duration<double>(empty - counted);
    return level * rest;
}

void LimitMetrics::count_refusal(std::string_view tenant, std::string_view limit)
{
    std::lock_guard const lock{mutex_};
    if (auto const known = refusals_.find(View{tenant, limit}); known != refusals_.end()) {
        ++known->second;
        return;
    }
    bool const has_room = refusals_.size() < kMostSeries;
    ++refusals_[has_room ? Pair{tenant, limit} : Pair{kOther, kOther}];
}

void LimitMetrics::count_given_back()
{
    std::lock_guard const lock{mutex_};
    ++given_back_;
}

void LimitMetrics::set_fill(std::string_view tenant, std::string_view limit, LimitFill const& fill)
{
    std::lock_guard const lock{mutex_};
    if (auto const known = fills_.find(View{tenant, limit}); known != fills_.end()) {
        known->second = fill;
    } else if (fills_.size() < kMostRemembered) {
        fills_.emplace(Pair{tenant, limit}, fill);
    }
}

std::vector<LimitMetrics::Refusals> LimitMetrics::refusals() const
{
    std::lock_guard const lock{mutex_};
    std::vector<Refusals> all;
    for (auto const& [pair, count] : refusals_) all.push_back({pair.first, pair.second, count});
    return all;
}

std::vector<LimitMetrics::Fill> LimitMetrics::fills(base::Time now)
{
    std::vector<Fill> all;
    {
        std::lock_guard const lock{mutex_};
        std::erase_if(fills_, [&](auto const& entry) { return entry.second.at(now) <= 0; });
        for (auto const& [pair, fill] : fills_) all.push_back({pair.first, pair.second, fill.at(now)});
    }
    auto const shown = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kMostFills));
    std::partial_sort(all.begin(), shown, all.end(), [](Fill const& left, Fill const& right) { return left.level > right.level; });
    all.erase(shown, all.end());
    return all;
}

std::uint64_t LimitMetrics::given_back() const
{
    std::lock_guard const lock{mutex_};
    return given_back_;
}

}   // namespace mailcore::observe
