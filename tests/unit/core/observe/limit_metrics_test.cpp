// What a scrape says of limits, and that thousands of tenants do not become thousands of series.

#include "core/observe/limit_metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace mailcore::observe {
namespace {

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};
using std::chrono::seconds;

TEST(LimitMetrics, CountRefusalsByTenantAndLimit)
{
    LimitMetrics metrics;
    metrics.count_refusal("acme", "2 messages per 1m");
    metrics.count_refusal("acme", "2 messages per 1m");
    metrics.count_refusal("acme", "9 recipients per 1d");
    auto const all = metrics.refusals();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].limit, "2 messages per 1m");
    EXPECT_EQ(all[0].count, 2u);
    EXPECT_EQ(all[1].count, 1u);
}

TEST(LimitMetrics, WhatIsBeyondTheCapIsCountedAsOther)
{
    LimitMetrics metrics;
    for (int i = 0; i < 5'000; ++i) metrics.count_refusal("tenant" + std::to_string(i), "2 messages per 1m");
    auto const all = metrics.refusals();
    EXPECT_EQ(all.size(), LimitMetrics::kMostSeries + 1);
    std::uint64_t total = 0;
    for (auto const& one : all) total += one.count;
    EXPECT_EQ(total, 5'000u);
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](auto const& one) { return one.tenant == "other" && one.count == 4'800; }));
}

TEST(LimitMetrics, AFillFallsEvenlyUntilItIsEmpty)
{
    LimitFill const fill{0.8, kNow, kNow + seconds{40}};
    EXPECT_DOUBLE_EQ(fill.at(kNow), 0.8);
    EXPECT_DOUBLE_EQ(fill.at(kNow + seconds{10}), 0.6);
    EXPECT_DOUBLE_EQ(fill.at(kNow + seconds{40}), 0);
    EXPECT_DOUBLE_EQ(fill.at(kNow - seconds{5}), 0.8) << "a clock set back";
}

TEST(LimitMetrics, ShowTheFullestAndForgetTheEmpty)
{
    LimitMetrics metrics;
    for (int i = 1; i <= 300; ++i) metrics.set_fill("t" + std::to_string(i), "limit", {i / 1000.0, kNow, kNow + seconds{i}});
    auto const now = metrics.fills(kNow);
    ASSERT_EQ(now.size(), LimitMetrics::kMostFills);
    EXPECT_EQ(now.front().tenant, "t300");
    EXPECT_EQ(now.back().tenant, "t201");
    EXPECT_TRUE(metrics.fills(kNow + seconds{301}).empty());
}

}   // namespace
}   // namespace mailcore::observe
