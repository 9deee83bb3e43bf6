// What a pass would do, from what the sources gave, what Postfix uses and what is remembered.

#include "vault-sync/apply/plan.hpp"

#include <gtest/gtest.h>

#include "made.hpp"

namespace mailcore::vault_sync {
namespace {

using Step = PlannedRelay::Step;

class PlanTest : public ::testing::Test {
protected:
    PlanTest()
    {
        former_.number = 3;
        former_.map_type = "hash";
        former_.routing = wanted_routing(settings_, {});
        former_.relays.push_back(relay("primary", "old"));
        former_.relays.push_back(relay("ses", "ses-secret"));
        give("primary", "old");
        give("ses", "ses-secret");
    }
    void give(std::string const& name, std::string const& password)
    {
        Gathered gathered;
        gathered.relay = relay(name, password);
        gathered.record = record(name, password);
        gathered_[name] = std::move(gathered);
    }
    void give_nothing(std::string const& name, std::string const& complaint)
    {
        Gathered gathered;
        gathered.trouble = Trouble::NotTaken;
        gathered.complaint = complaint;
        gathered_[name] = std::move(gathered);
    }
    Plan plan(bool force = false, bool with_former = true) const
    {
        return make_plan({settings_, state_, gathered_, with_former ? &former_ : nullptr, fingerprints_, "hash", at(0), force});
    }
    void hold(std::string const& name, std::string const& password)
    {
        state_.hold.emplace();
        state_.hold->values[name].insert(fingerprints_.value(relay(name, password)));
        state_.hold->since = at(-60);
    }

    Settings settings_ = two_relays();
    State state_;
    GatheredRelays gathered_;
    Generation former_;
    Fingerprints fingerprints_ = Fingerprints::of_this_run();
};

TEST_F(PlanTest, NothingNewIsNoChange)
{
    auto const made = plan();
    EXPECT_FALSE(made.changes_anything());
    EXPECT_EQ(made.relays[0].step, Step::Same);
}

TEST_F(PlanTest, ANewPasswordIsProvedFirst)
{
    give("primary", "new");
    auto const made = plan();
    EXPECT_EQ(made.relays[0].step, Step::Prove);
    EXPECT_TRUE(made.relays[0].is_new_value);
    EXPECT_EQ(made.relays[1].step, Step::Same);
    EXPECT_TRUE(made.changes_anything());
}

TEST_F(PlanTest, WithoutBeforeSwitchItIsTakenAsItIs)
{
    settings_.verify.before_switch = false;
    give("primary", "new");
    EXPECT_EQ(plan().relays[0].step, Step::Take);
}

TEST_F(PlanTest, AnotherHostForTheSameLoginIsProvedAndNoNewValue)
{
    gathered_["primary"].relay->host = "elsewhere.test";
    auto const made = plan();
    EXPECT_EQ(made.relays[0].step, Step::Prove);
    EXPECT_FALSE(made.relays[0].is_new_value);
}

TEST_F(PlanTest, WithoutAValueTheFormerOneStays)
{
    give_nothing("primary", "primary: deleted");
    auto const made = plan();
    EXPECT_EQ(made.relays[0].step, Step::Keep);
    EXPECT_EQ(made.relays[0].words, "primary: deleted");
    EXPECT_EQ(made.relays[0].wanted()->password.reveal(), "old");
    EXPECT_FALSE(made.changes_anything());
}

TEST_F(PlanTest, WithoutAnyValueItIsMissing)
{
    give_nothing("primary", "primary: never written");
    auto const made = plan(false, false);
    EXPECT_EQ(made.relays[0].step, Step::Missing);
    EXPECT_EQ(made.relays[0].wanted(), nullptr);
}

TEST_F(PlanTest, ARefusedValueIsNotTriedAgainForAnHour)
{
    give("primary", "wrong");
    state_.refused["primary"] = {fingerprints_.value(relay("primary", "wrong")), at(-3599), "535 5.7.8 no"};
    auto const made = plan();
    EXPECT_EQ(made.relays[0].step, Step::Keep);
    EXPECT_EQ(made.relays[0].why, PlannedRelay::Why::RefusedBefore);
    EXPECT_EQ(made.relays[0].words, "primary: the provider refused this value at " + base::format_time(at(-3599)) +
                                        " (535 5.7.8 no); it is not tried again for an hour; vault-sync verify primary tries it now");
    state_.refused["primary"].at = at(-3600);
    EXPECT_EQ(plan().relays[0].step, Step::Prove) << "the hour is over";
}

TEST_F(PlanTest, AnotherValueIsTriedAtOnceAfterARefusedOne)
{
    state_.refused["primary"] = {fingerprints_.value(relay("primary", "wrong")), at(-1), "535"};
    give("primary", "right");
    EXPECT_EQ(plan().relays[0].step, Step::Prove);
}

TEST_F(PlanTest, AHeldValueIsNotTakenUntilAnotherComes)
{
    hold("primary", "left");
    give("primary", "left");
    EXPECT_EQ(plan().relays[0].step, Step::Keep);
    EXPECT_EQ(plan().relays[0].why, PlannedRelay::Why::Held);
    EXPECT_EQ(plan(true).relays[0].step, Step::Prove) << "--force ends it";
    give("primary", "another");
    EXPECT_EQ(plan().relays[0].step, Step::Prove);
}

TEST_F(PlanTest, AHeldRoutingStaysUntilAnotherIsConfigured)
{
    settings_.routes["@a.test"] = Text{"ses"};
    state_.hold.emplace();
    state_.hold->routings.insert(fingerprints_.routing(wanted_routing(settings_, state_)));
    EXPECT_TRUE(plan().routing_is_held);
    EXPECT_FALSE(plan().changes_anything());
    settings_.routes["@b.test"] = Text{"ses"};
    EXPECT_FALSE(plan().routing_is_held);
    EXPECT_TRUE(plan().changes_anything());
}

TEST_F(PlanTest, UseOutlastsTheConfiguredActiveRelay)
{
    state_.active = "ses";
    auto const made = plan();
    EXPECT_EQ(made.routing.active, "ses");
    EXPECT_TRUE(made.routing.fallback.empty()) << "it is no fallback of itself";
    state_.active = "gone";
    EXPECT_EQ(plan().routing.active, "primary") << "a relay that the configuration lost is nobody's";
}

TEST_F(PlanTest, ARelayTheConfigurationLostIsDropped)
{
    former_.relays.push_back(relay("third", "x"));
    EXPECT_EQ(plan().dropped, std::vector<std::string>{"third"});
    EXPECT_TRUE(plan().changes_anything());
}

TEST_F(PlanTest, AnotherMapTypeIsAChange)
{
    former_.map_type = "lmdb";
    EXPECT_TRUE(plan().changes_anything());
}

}   // namespace
}   // namespace mailcore::vault_sync
