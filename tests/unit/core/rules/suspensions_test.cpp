// Contract: what an operator has suspended stays so until it is resumed, whoever heard of it first.

#include "core/rules/suspensions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mailcore::rules {
namespace {

base::Time at(int second) { return base::Time{std::chrono::seconds{second}}; }
Suspension suspended_at(int second, std::string reason = "") { return {true, at(second), std::move(reason)}; }
Suspension resumed_at(int second) { return {false, at(second), ""}; }

TEST(Suspensions, NobodyIsSuspendedAtFirst)
{
    Suspensions const nobody;
    EXPECT_TRUE(nobody.empty());
    EXPECT_FALSE(nobody.holds("shop"));
    EXPECT_EQ(nobody.find("shop"), nullptr);
}

TEST(Suspensions, TheLastChangeWinsWhateverTheOrderInWhichItIsHeard)
{
    std::vector<Suspension> changes{suspended_at(1, "first"), resumed_at(2), suspended_at(3, "again")};
    auto const by_time = [](Suspension const& left, Suspension const& right) { return left.time < right.time; };
    do {
        Suspensions heard;
        for (auto const& change : changes) heard.merge("shop", change);
        ASSERT_TRUE(heard.holds("shop"));
        ASSERT_EQ(heard.find("shop")->reason, "again");
        ASSERT_EQ(heard.suspended(), 1u);
    } while (std::next_permutation(changes.begin(), changes.end(), by_time));
}

TEST(Suspensions, AResumeIsRememberedAgainstAnOlderSuspensionFromElsewhere)
{
    Suspensions heard;
    EXPECT_TRUE(heard.merge("shop", resumed_at(5)));
    EXPECT_FALSE(heard.merge("shop", suspended_at(4)));
    EXPECT_FALSE(heard.holds("shop"));
    EXPECT_TRUE(heard.empty()) << "nobody is suspended, though something is remembered";
    EXPECT_NE(heard.find("shop"), nullptr);
}

TEST(Suspensions, TheSameHeardTwiceIsNoChange)
{
    Suspensions heard;
    EXPECT_TRUE(heard.merge("shop", suspended_at(1)));
    EXPECT_FALSE(heard.merge("shop", suspended_at(1)));
    EXPECT_EQ(heard.suspended(), 1u);
}

TEST(Suspensions, AreCountedByTenant)
{
    Suspensions heard;
    heard.merge("shop", suspended_at(1));
    heard.merge("press", suspended_at(1));
    heard.merge("shop", resumed_at(2));
    EXPECT_FALSE(heard.empty());
    EXPECT_EQ(heard.suspended(), 1u);
    EXPECT_TRUE(heard.holds("press"));
    EXPECT_FALSE(heard.holds("pres")) << "another name";
    heard.merge("press", resumed_at(2));
    EXPECT_TRUE(heard.empty());
}

// Two hosts that heard the same changes in different orders, and then of each other, agree.
TEST(Suspensions, HostsThatHearOfEachOtherAgree)
{
    Suspensions left;
    Suspensions right;
    left.merge("shop", suspended_at(1, "abuse"));
    right.merge("shop", resumed_at(3));
    right.merge("press", suspended_at(2));
    auto const left_before = left;
    for (auto const& [tenant, entry] : right) left.merge(tenant, entry);
    for (auto const& [tenant, entry] : left_before) right.merge(tenant, entry);
    EXPECT_EQ(left, right);
    EXPECT_FALSE(left.holds("shop"));
    EXPECT_TRUE(left.holds("press"));
}

}   // namespace
}   // namespace mailcore::rules
