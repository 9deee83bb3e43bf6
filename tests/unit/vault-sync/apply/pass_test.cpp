// Passes with the real postmap; the sources and the providers are scripted, and Postfix does not run.

#include "vault-sync/apply/pass.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "made.hpp"
#include "tests/unit/vault-sync/maps/scratch.hpp"

namespace mailcore::vault_sync {
namespace {

class PassTest : public ::testing::Test {
protected:
    PassTest()
    {
        settings_.output.directory = scratch_.path("mailcore");
        settings_.postfix.config_directory = scratch_.postfix();
        settings_.output.map_type = "hash";
        values_ = {{"primary", "first-password"}, {"ses", "ses-password"}};
        store_.emplace(GenerationStore::open(settings_.output.directory, "hash", scratch_.postfix()).value());
        SecretSources sources;
        sources.vault = [this](std::string const& path, std::string const&) -> VaultResult<SecretRecord> {
            auto const name = path.substr(7);
            if (!values_.contains(name)) return base::fail_with(VaultError{failure_, "no secret at " + path});
            return record(name, values_[name], version_);
        };
        sources.cache = [](auto const&) -> base::Result<std::optional<SecretRecord>> { return std::optional<SecretRecord>{}; };
        sources.file = sources.cache;
        sources.environment = [] { return std::optional<SecretRecord>{}; };
        workshop_ = std::unique_ptr<Workshop>{new Workshop{
            .settings = settings_, .generations = &*store_, .states = StateStore{settings_.output.directory + "/state"},
            .fingerprints = &fingerprints_, .postfix = Postfix{scratch_.postfix()}, .sources = std::move(sources), .cache = &cache_,
            .prove = [this](Relay const& relay, bool) {
                proved_.push_back(relay.name + ' ' + std::string{relay.password.reveal()});
                if (refused_.contains(std::string{relay.password.reveal()})) return Proof{Proof::Kind::Refused, "535 5.7.8 no"};
                if (unreachable_.contains(relay.name)) return Proof{Proof::Kind::Inconclusive, "connection refused"};
                return Proof{Proof::Kind::Works, "login works"};
            },
            .notify = [this](Notice const& notice) { notices_.push_back(std::string{notice.event->name} + ": " + notice.words); },
            .now = [this] { return now_; }}};
        EXPECT_TRUE(workshop_->states.prepare());
    }
    PassReport pass(PassOptions const& options = {})
    {
        proved_.clear();
        notices_.clear();
        auto report = run_pass(*workshop_, options);
        EXPECT_TRUE(report) << report.error().message;
        return report ? std::move(*report) : PassReport{};
    }
    std::string passwords() const { return scratch_.read("mailcore/current/sasl_passwd"); }
    std::string relayhost() const { return scratch_.read("mailcore/current/relayhost"); }
    State state() const { return workshop_->states.load().value(); }
    bool was_told(std::string const& words) const
    {
        return std::any_of(notices_.begin(), notices_.end(), [&](auto const& notice) { return notice.find(words) != std::string::npos; });
    }

    Scratch scratch_;
    Settings settings_ = two_relays();
    Fingerprints fingerprints_ = Fingerprints::of_this_run();
    Cache cache_{[] { CacheSettings off; off.file = ""; return off; }(), "https://vault.test"};
    std::optional<GenerationStore> store_;
    std::unique_ptr<Workshop> workshop_;
    std::map<std::string, std::string> values_;
    VaultFailure failure_ = VaultFailure::NotFound;
    std::uint64_t version_ = 1;
    std::set<std::string> refused_, unreachable_;
    std::vector<std::string> proved_, notices_;
    base::Time now_ = at(0);
};

TEST_F(PassTest, TheFirstProvesAllAndMakesGenerationOne)
{
    auto const report = pass();
    EXPECT_EQ(report.generation, 1u);
    EXPECT_TRUE(report.changed);
    EXPECT_EQ(exit_code(report, true, false), 2);
    EXPECT_EQ(proved_, (std::vector<std::string>{"primary first-password", "ses ses-password"}));
    EXPECT_NE(passwords().find("[primary.test]:587 user-primary:first-password"), std::string::npos) << passwords();
    EXPECT_NE(relayhost().find("[primary.test]:587, [ses.test]:587"), std::string::npos) << relayhost();
}

TEST_F(PassTest, TheSecondChangesNothing)
{
    pass();
    auto const report = pass();
    EXPECT_FALSE(report.changed);
    EXPECT_EQ(report.generation, 1u);
    EXPECT_TRUE(proved_.empty());
    EXPECT_EQ(exit_code(report, true, false), 0);
}

TEST_F(PassTest, ARotatedPasswordIsProvedAndTaken)
{
    pass();
    values_["primary"] = "second-password";
    auto const report = pass();
    EXPECT_EQ(report.generation, 2u);
    EXPECT_EQ(proved_, std::vector<std::string>{"primary second-password"});
    EXPECT_NE(passwords().find("second-password"), std::string::npos);
    EXPECT_EQ(passwords().find("first-password"), std::string::npos);
}

TEST_F(PassTest, ARefusedPasswordNeverReachesPostfixAndIsNotTriedAgain)
{
    pass();
    values_["primary"] = "wrong-password";
    refused_ = {"wrong-password"};
    EXPECT_EQ(exit_code(pass(), false, false), 11);
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
    EXPECT_TRUE(was_told("provider_refused: primary: 535 5.7.8 no; Postfix keeps what it has"));
    now_ = at(1800);
    EXPECT_EQ(exit_code(pass(), false, false), 11) << "remembered";
    EXPECT_TRUE(proved_.empty());
    now_ = at(3601);
    pass();
    EXPECT_EQ(proved_.size(), 1u) << "tried again after an hour";
}

TEST_F(PassTest, AGoodRelayIsTakenBesideARefusedOne)
{
    pass();
    values_ = {{"primary", "wrong-password"}, {"ses", "second-ses"}};
    refused_ = {"wrong-password"};
    auto const report = pass();
    EXPECT_EQ(report.generation, 2u);
    EXPECT_EQ(exit_code(report, true, false), 11);
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
    EXPECT_NE(passwords().find("second-ses"), std::string::npos);
}

TEST_F(PassTest, AnInconclusiveProofKeepsTheOldUnlessForced)
{
    pass();
    values_["primary"] = "second-password";
    unreachable_ = {"primary"};
    EXPECT_EQ(exit_code(pass(), false, false), 1);
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
    EXPECT_EQ(exit_code(pass({.force = true}), false, false), 0);
    EXPECT_NE(passwords().find("second-password"), std::string::npos);
}

TEST_F(PassTest, NothingIsRenderedWhileARelayThatMailIsSentToHasNoValue)
{
    values_.erase("ses");
    auto const report = pass();
    EXPECT_EQ(report.generation, 0u);
    EXPECT_EQ(exit_code(report, false, false), 1);
    EXPECT_TRUE(was_told("nothing is switched: mail is sent to relay ses, and there is no value for it"));
    EXPECT_FALSE(scratch_.has("mailcore/current"));
    settings_.fallback.clear();
    EXPECT_EQ(pass().generation, 1u) << "a relay that nothing names may be missing";
}

TEST_F(PassTest, ADeletedSecretKeepsTheFormerOne)
{
    pass();
    values_.erase("ses");
    failure_ = VaultFailure::Deleted;
    values_["primary"] = "second-password";
    auto const report = pass();
    EXPECT_EQ(report.generation, 2u);
    EXPECT_EQ(exit_code(report, false, false), 1);
    EXPECT_NE(passwords().find("ses-password"), std::string::npos);
}

TEST_F(PassTest, RollbackHoldsUntilAnotherValueComes)
{
    pass();
    values_["primary"] = "second-password";
    pass();
    auto const back = roll_back(*workshop_, 0, false);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->generation, 1u);
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
    auto const held = pass();
    EXPECT_FALSE(held.changed);
    EXPECT_EQ(exit_code(held, true, false), 0);
    EXPECT_EQ(held.relays[0].result, "held");
    values_["primary"] = "third-password";
    EXPECT_EQ(pass().generation, 3u);
    EXPECT_FALSE(state().hold);
}

TEST_F(PassTest, RollingBackTwiceHoldsBothValues)
{
    pass();
    values_["primary"] = "second-password";
    pass();
    values_["primary"] = "third-password";
    pass();
    ASSERT_TRUE(roll_back(*workshop_, 0, false));
    ASSERT_TRUE(roll_back(*workshop_, 0, false));
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
    EXPECT_FALSE(pass().changed) << "Vault still holds the third";
    values_["primary"] = "second-password";
    EXPECT_FALSE(pass().changed) << "the second was left, too";
}

TEST_F(PassTest, ForceEndsAHold)
{
    pass();
    values_["primary"] = "second-password";
    pass();
    ASSERT_TRUE(roll_back(*workshop_, 1, false));
    EXPECT_TRUE(pass({.force = true}).changed);
    EXPECT_NE(passwords().find("second-password"), std::string::npos);
}

TEST_F(PassTest, RollbackNamesWhatThereIsToGoBackTo)
{
    EXPECT_EQ(roll_back(*workshop_, 0, false).error().message, "there is no generation yet; run vault-sync once");
    pass();
    EXPECT_EQ(roll_back(*workshop_, 0, false).error().message, "there is no older generation to go back to; vault-sync generations lists them");
    EXPECT_EQ(roll_back(*workshop_, 1, false).error().message, "generation 1 is the current one");
    values_["primary"] = "second-password";
    pass();
    EXPECT_EQ(roll_back(*workshop_, 9, false).error().message, "there is no generation 9; kept are 1");
}

TEST_F(PassTest, UseProvesTheRelayAndOutlastsTheNextPass)
{
    pass();
    auto const report = pass({.use = "ses"});
    EXPECT_EQ(proved_, std::vector<std::string>{"ses ses-password"});
    EXPECT_EQ(report.routing.active, "ses");
    EXPECT_FALSE(pass().changed);
    EXPECT_NE(relayhost().find("/^/ [ses.test]:587"), std::string::npos) << relayhost();
    EXPECT_EQ(pass({.use = "primary"}).routing.active, "primary");
    EXPECT_EQ(state().active, "") << "as configured again";
}

TEST_F(PassTest, UseOfARelayWhoseLoginIsRefusedChangesNothing)
{
    pass();
    refused_ = {"ses-password"};
    auto const report = pass({.use = "ses"});
    EXPECT_FALSE(report.changed);
    EXPECT_EQ(exit_code(report, false, false), 11);
    EXPECT_EQ(report.routing.active, "primary");
    EXPECT_FALSE(pass().changed);
    EXPECT_EQ(pass({.force = true, .use = "ses"}).routing.active, "ses");
}

TEST_F(PassTest, UseOfARelayWithoutAValueChangesNothing)
{
    settings_.fallback.clear();
    values_.erase("ses");
    pass();
    auto const report = pass({.use = "ses"});
    EXPECT_EQ(exit_code(report, false, false), 1);
    EXPECT_EQ(report.routing.active, "primary");
    EXPECT_EQ(state().active, "");
    EXPECT_EQ(exit_code(pass(), false, false), 1) << "ses is still complained of";
    EXPECT_NE(relayhost().find("/^/ [primary.test]:587"), std::string::npos);
}

TEST_F(PassTest, UseWorksWhileVaultIsAway)
{
    pass();
    values_.clear();
    failure_ = VaultFailure::Unreachable;
    EXPECT_EQ(pass({.use = "ses"}).routing.active, "ses");
}

TEST_F(PassTest, UseIsAnswerEnoughToARoutingThatARollbackLeft)
{
    pass();
    pass({.use = "ses"});
    pass({.use = "primary"});
    ASSERT_TRUE(roll_back(*workshop_, 0, false));
    refused_ = {values_["primary"]};
    EXPECT_EQ(exit_code(pass({.use = "primary"}), false, false), 11);
    EXPECT_TRUE(state().hold) << "a use that was refused ends no hold";
    refused_.clear();
    EXPECT_EQ(pass({.use = "primary"}).routing.active, "primary");
    EXPECT_FALSE(state().hold);
    EXPECT_FALSE(pass().changed);
}

TEST_F(PassTest, OldGenerationsGo)
{
    settings_.output.keep = 2;
    for (auto const* password : {"password-1", "password-2", "password-3", "password-4"}) {
        values_["primary"] = password;
        pass();
    }
    auto const kept = store_->list().value();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0].number, 3u);
}

TEST_F(PassTest, TheReloadOfAStoppedPostfixIsOwed)
{
    pass();
    EXPECT_TRUE(was_told("reload_owed: Postfix is not running; the reload is made up by the next run"));
    EXPECT_EQ(state().reload_owed, 1u);
}

TEST_F(PassTest, KilledAtAnyStepTheNextOneHeals)
{
    pass();
    std::vector<std::string> faults{"switch.owed", "switch.renamed"};
    for (auto const fault : kGenerationFaults) faults.emplace_back(fault);
    int round = 0;
    for (auto const& fault : faults) {
        auto const former = values_["primary"];
        values_["primary"] = "password-of-round-" + std::to_string(++round);
        signal_that_ends([&] {
            Fault const here{fault};
            run_pass(*workshop_, {});
        });
        auto const now = passwords();
        bool const is_old = now.find(former) != std::string::npos;
        bool const is_new = now.find(values_["primary"]) != std::string::npos;
        EXPECT_TRUE(is_old != is_new) << fault << ": never a mixture\n" << now;
        pass();
        EXPECT_NE(passwords().find(values_["primary"]), std::string::npos) << fault;
    }
}

TEST_F(PassTest, MapsOfATypeThatMainCfDoesNotNameAreNotSwitchedTo)
{
    auto const map = settings_.output.directory + "/current/sasl_passwd";
    scratch_.write_main_cf("compatibility_level = 3.6\nsmtp_sasl_password_maps = texthash:/other, lmdb:" + map + "\n");
    EXPECT_EQ(exit_code(pass(), false, false), 1);
    EXPECT_FALSE(scratch_.has("mailcore/current"));
    EXPECT_TRUE(was_told("nothing is switched: main.cf names lmdb:" + map + ", and the maps would be hash; write hash for each of our "
                         "maps in main.cf, or output.map_type: lmdb"));
    scratch_.write_main_cf("compatibility_level = 3.6\nsmtp_sasl_password_maps = hash:" + map + "\n");
    EXPECT_EQ(pass().generation, 1u);
}

TEST_F(PassTest, ADamagedGenerationIsMadeAnew)
{
    pass();
    std::filesystem::remove_all(scratch_.path("mailcore/generations/0001/manifest.json"));
    auto const report = pass();
    EXPECT_TRUE(was_told("generation_damaged: the current generation is damaged: "));
    EXPECT_TRUE(report.changed);
    EXPECT_NE(passwords().find("first-password"), std::string::npos);
}

}   // namespace
}   // namespace mailcore::vault_sync
