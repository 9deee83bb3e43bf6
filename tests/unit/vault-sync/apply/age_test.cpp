#include "vault-sync/apply/age.hpp"

#include <gtest/gtest.h>

#include "made.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::int64_t kDay = 86'400;

State seen(std::int64_t days_ago)
{
    State state;
    state.secrets["primary"].has_login = true;
    state.secrets["primary"].first_seen = at(-days_ago * kDay);
    return state;
}

TEST(Age, IsCountedFromTheFirstSight)
{
    auto const all = ages(two_relays(), seen(10), at(0));
    ASSERT_EQ(all.size(), 1u) << "of relays whose login is known";
    EXPECT_EQ(all[0].days, 10);
    EXPECT_EQ(all[0].limit_days, 180);
    EXPECT_FALSE(all[0].is_overdue || all[0].is_soon);
}

TEST(Age, OfSesKeysIsLimitedToNinetyDays)
{
    auto settings = two_relays();
    settings.relays[0].kind = "ses";
    EXPECT_EQ(ages(settings, seen(10), at(0))[0].limit_days, 90);
}

TEST(Age, IsWarnedOfBeforeItIsOverdue)
{
    auto const soon = ages(two_relays(), seen(166), at(0))[0];
    EXPECT_TRUE(soon.is_soon);
    EXPECT_EQ(words(soon), "primary: the login is 166 days old; it should be rotated every 180 days, that is in 14 days");
    auto const late = ages(two_relays(), seen(180), at(0))[0];
    EXPECT_TRUE(late.is_overdue && !late.is_soon);
    EXPECT_EQ(words(late), "primary: the login is 180 days old; it should be rotated every 180 days");
}

TEST(Age, FollowsTheSecretsOwnWords)
{
    auto state = seen(10);
    state.secrets["primary"].rotated_at = at(-40 * kDay);
    state.secrets["primary"].rotation_days = 30;
    auto const age = ages(two_relays(), state, at(0))[0];
    EXPECT_EQ(age.days, 40);
    EXPECT_TRUE(age.is_overdue);
    state.secrets["primary"].rotated_at = at(0);
    EXPECT_EQ(ages(two_relays(), state, at(0))[0].days, 10) << "a value that was seen before is not younger for what is said of it";
}

TEST(Age, OfARelayWithoutLoginIsNone)
{
    auto state = seen(500);
    state.secrets["primary"].has_login = false;
    EXPECT_TRUE(ages(two_relays(), state, at(0)).empty());
}

}   // namespace
}   // namespace mailcore::vault_sync
