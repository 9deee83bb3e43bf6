// Sources in their order, and what keeps the better ones from serving.

#include "vault-sync/apply/gather.hpp"

#include <gtest/gtest.h>

#include "made.hpp"

namespace mailcore::vault_sync {
namespace {

class GatherTest : public ::testing::Test {
protected:
    GatherTest()
    {
        settings_.mode = "development";
        sources_.vault = [this](std::string const& path, std::string const&) -> VaultResult<SecretRecord> {
            ++vault_reads_;
            if (failure_) return base::fail_with(VaultError{*failure_, "vault says no"});
            auto made = record(path.substr(7), "from-vault", 2);
            return made;
        };
        sources_.file = [](std::string const&) -> base::Result<std::optional<SecretRecord>> { return std::optional<SecretRecord>{}; };
        sources_.cache = [this](std::string const& path) -> base::Result<std::optional<SecretRecord>> {
            if (!cache_) return std::optional<SecretRecord>{};
            auto made = record(path.substr(7), "from-cache");
            made.source = Source::Cache;
            return std::optional{std::move(made)};
        };
        sources_.environment = [this]() -> std::optional<SecretRecord> {
            if (!environment_) return std::nullopt;
            auto made = record("primary", "from-environment");
            made.source = Source::Environment;
            return made;
        };
    }
    Gathered one(std::string const& name, std::vector<Relay> const& former = {})
    {
        return std::move(gather(settings_, "primary", former, sources_).at(name));
    }

    Settings settings_ = two_relays();
    SecretSources sources_;
    std::optional<VaultFailure> failure_;
    bool cache_ = false, environment_ = false;
    int vault_reads_ = 0;
};

TEST_F(GatherTest, VaultServesWhenItCan)
{
    cache_ = environment_ = true;
    auto const gathered = one("primary");
    EXPECT_EQ(gathered.relay->password.reveal(), "from-vault");
    EXPECT_EQ(gathered.trouble, Trouble::None);
}

TEST_F(GatherTest, WithVaultAwayTheCacheServesBeforeTheEnvironment)
{
    failure_ = VaultFailure::Unreachable;
    cache_ = environment_ = true;
    auto const gathered = one("primary");
    EXPECT_EQ(gathered.relay->password.reveal(), "from-cache");
    EXPECT_EQ(gathered.trouble, Trouble::Away);
    EXPECT_TRUE(gathered.is_served);
    EXPECT_EQ(gathered.complaint, "primary: vault says no");
}

TEST_F(GatherTest, TheEnvironmentStandsForTheActiveSmtpRelayOnly)
{
    failure_ = VaultFailure::Sealed;
    environment_ = true;
    EXPECT_EQ(one("primary").relay->password.reveal(), "from-environment");
    EXPECT_FALSE(one("ses").relay) << "not the active one";
    settings_.relays[0].kind = "ses";
    EXPECT_FALSE(one("primary").relay) << "not of kind smtp";
    settings_.relays[0].kind = "smtp";
    settings_.environment_fallback = false;
    EXPECT_FALSE(one("primary").relay) << "switched off";
}

TEST_F(GatherTest, TheEnvironmentDoesNotReplaceAProvedValueInUse)
{
    failure_ = VaultFailure::Unreachable;
    environment_ = true;
    std::vector<Relay> former;
    former.push_back(relay("primary", "in-use"));
    EXPECT_FALSE(one("primary", former).relay);
    sources_.use_vault = false;
    EXPECT_TRUE(one("primary", former).relay) << "SMTP_USE_VAULT=false asks for it";
}

TEST_F(GatherTest, TheCacheNeverPutsBackAnOlderLogin)
{
    failure_ = VaultFailure::Unreachable;
    cache_ = true;
    std::vector<Relay> former;
    former.push_back(relay("primary", "newer"));
    former[0].version = 5;
    auto const gathered = one("primary", former);
    EXPECT_FALSE(gathered.relay);
    EXPECT_TRUE(gathered.is_served);
}

TEST_F(GatherTest, ADeletedSecretIsNoAbsence)
{
    cache_ = environment_ = true;
    for (auto const failure : {VaultFailure::Deleted, VaultFailure::NotFound, VaultFailure::Denied, VaultFailure::Malformed}) {
        failure_ = failure;
        auto const gathered = one("primary");
        EXPECT_FALSE(gathered.relay);
        EXPECT_EQ(gathered.trouble, Trouble::NotTaken);
    }
}

TEST_F(GatherTest, ARefusedLoginIsToldEvenWhereTheCacheServes)
{
    cache_ = true;
    for (auto const failure : {VaultFailure::LoginRefused, VaultFailure::Tampered}) {
        failure_ = failure;
        auto const gathered = one("primary");
        EXPECT_EQ(gathered.trouble, Trouble::LoginRefused);
        EXPECT_TRUE(gathered.relay);
    }
}

TEST_F(GatherTest, AnAbsentVaultIsAskedOnce)
{
    failure_ = VaultFailure::Unreachable;
    gather(settings_, "primary", {}, sources_);
    EXPECT_EQ(vault_reads_, 1) << "the second relay does not wait for it again";
    failure_ = VaultFailure::NotFound;
    gather(settings_, "primary", {}, sources_);
    EXPECT_EQ(vault_reads_, 3) << "each path is asked for by itself";
}

}   // namespace
}   // namespace mailcore::vault_sync
