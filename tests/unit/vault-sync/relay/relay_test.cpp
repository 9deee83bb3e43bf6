#include <gtest/gtest.h>

#include "tests/unit/vault-sync/relay/records.hpp"

namespace mailcore::vault_sync {
namespace {

Relay example()
{
    return made(relay_settings(),
                {{"host", "mail.example"}, {"port", "587"}, {"user", "u"}, {"password", "p"}, {"from", "a@b.example"}});
}

TEST(Relay, IsNamedByHostAndPortAsEveryMapNamesIt)
{
    auto relay = example();
    EXPECT_EQ(relay.nexthop(), "[mail.example]:587");
    relay.host = "2001:db8::1";
    EXPECT_EQ(relay.nexthop(), "[2001:db8::1]:587");
}

TEST(Relay, ShowsItsUser) { EXPECT_EQ(example().shown_user(), "u"); }

TEST(Relay, IsCopiedWhole)
{
    auto relay = example();
    relay.fingerprints = {"ab"};
    relay.ca_file = "/ca.pem";
    relay.helo = "h.example";
    relay.version = 7;
    auto const other = relay.copy();
    EXPECT_TRUE(same_delivery(relay, other));
    EXPECT_EQ(other.name, "primary");
    EXPECT_EQ(other.kind, "smtp");
    EXPECT_EQ(other.from, "a@b.example");
    EXPECT_EQ(other.helo, "h.example");
    EXPECT_EQ(other.path, "secret/keybuzz/smtp");
    EXPECT_EQ(other.version, 7u);
    EXPECT_EQ(other.timeout, relay.timeout);
    EXPECT_EQ(other.source, Source::Vault);
}

TEST(SameDelivery, DoesNotCareForNamesAndSources)
{
    auto const left = example();
    auto right = example();
    right.name = "other";
    right.from = "c@d.example";
    right.version = 9;
    right.source = Source::Cache;
    EXPECT_TRUE(same_delivery(left, right));
}

TEST(SameDelivery, CaresForAllThatPostfixIsTold)
{
    auto const differs = [](auto change) {
        auto const left = example();
        auto right = example();
        change(right);
        return !same_delivery(left, right) && !same_delivery(right, left);
    };
    EXPECT_TRUE(differs([](Relay& relay) { relay.host = "x.example"; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.port = 2587; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.tls = Tls::Wrapper; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.ca_file = "/ca.pem"; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.fingerprints = {"ab"}; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.user = "v"; }));
    EXPECT_TRUE(differs([](Relay& relay) { relay.password = base::Secret{"q"}; }));
}

TEST(SameDelivery, TakesAListOfFingerprintsForASet)
{
    auto left = example();
    auto right = example();
    left.fingerprints = {"aa", "bb"};
    right.fingerprints = {"bb", "aa"};
    EXPECT_TRUE(same_delivery(left, right));
}

TEST(Tls, HasAWordForEachKind)
{
    EXPECT_EQ(word(Tls::None), "none");
    EXPECT_EQ(word(Tls::StartTls), "starttls");
    EXPECT_EQ(word(Tls::Wrapper), "wrapper");
}

}   // namespace
}   // namespace mailcore::vault_sync
