// mynetworks is the union of the tenants' clients, in Postfix's reading: first match wins.

#include <gtest/gtest.h>

#include "core/rules/compile.hpp"
#include "ctl/setup_networks.hpp"

using namespace mailcore;

namespace {

using Lists = std::vector<std::vector<std::string>>;

rules::Ruleset rules_of(Lists const& clients_of_tenants, std::map<std::string, config::TextList> networks = {})
{
    config::Settings settings;
    settings.networks = std::move(networks);
    for (auto const& clients : clients_of_tenants) {
        config::TenantSettings tenant;
        tenant.name = {"t" + std::to_string(settings.tenants.size())};
        for (auto const& client : clients) tenant.clients.emplace_back(client);
        settings.tenants.push_back(std::move(tenant));
    }
    config::Diagnostics problems;
    auto ruleset = rules::compile(settings, nullptr, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return ruleset;
}

std::string text_of(rules::Ruleset const& ruleset)
{
    std::string text;
    for (auto const& network : ctl::client_networks(ruleset)) text += (text.empty() ? "" : ", ") + network.to_string();
    return text;
}

std::string mynetworks(Lists const& clients_of_tenants) { return text_of(rules_of(clients_of_tenants)); }

TEST(MyNetworks, AreTheClientsOfAllTenants)
{
    EXPECT_EQ(mynetworks({{"10.0.0.250"}, {"10.0.1.0/24", "[2001:db8::]/32"}}), "10.0.0.250/32, 10.0.1.0/24, [2001:db8::]/32");
}

TEST(MyNetworks, AreEmptyWithoutClients) { EXPECT_EQ(mynetworks({{}}), ""); }

TEST(MyNetworks, HaveTheMostSpecificFirst)
{
    EXPECT_EQ(mynetworks({{"10.0.0.0/8", "!10.1.0.0/16", "10.1.2.0/24", "!10.1.2.3"}}),
              "!10.1.2.3/32, 10.1.2.0/24, !10.1.0.0/16, 10.0.0.0/8");
}

TEST(MyNetworks, LeaveOutWhatAWiderBlockHolds)
{
    EXPECT_EQ(mynetworks({{"10.0.0.0/8"}, {"10.0.0.250"}, {"10.0.0.0/24"}}), "10.0.0.0/8");
}

TEST(MyNetworks, LeaveOutExclusionsFromNothing) { EXPECT_EQ(mynetworks({{"!10.0.0.66", "10.0.1.0/24"}}), "10.0.1.0/24"); }

TEST(MyNetworks, KeepAnAddressThatOneTenantExcludesAndAnotherHolds)
{
    EXPECT_EQ(mynetworks({{"10.0.0.0/24", "!10.0.0.66"}, {"10.0.0.66"}}), "10.0.0.0/24");
    EXPECT_EQ(mynetworks({{"10.0.0.0/24", "!10.0.0.64/26"}, {"10.0.0.64/27"}}), "10.0.0.64/27, !10.0.0.64/26, 10.0.0.0/24");
}

TEST(MyNetworks, KeepAnAddressExcludedByOneWithinAWiderBlockOfAnother)
{
    EXPECT_EQ(mynetworks({{"10.0.0.0/24", "!10.0.0.66"}, {"10.0.0.0/16"}}), "10.0.0.0/16");
}

TEST(MyNetworks, ReturnToTheWiderAnswerBesideAnExclusion)
{
    EXPECT_EQ(mynetworks({{"10.0.0.0/24", "!10.0.0.0/32", "!10.0.0.2"}, {"10.0.0.2/32"}}), "!10.0.0.0/32, 10.0.0.0/24");
}

TEST(MyNetworks, TakeTheExclusionAtEqualLength) { EXPECT_EQ(mynetworks({{"10.0.0.1", "!10.0.0.1", "10.0.0.2"}}), "10.0.0.2/32"); }

TEST(MyNetworks, ResolveNames)
{
    auto const ruleset = rules_of({{"$shop", "!$bad"}}, {{"shop", {{"10.0.1.0/24"}}}, {"bad", {{"10.0.1.66"}}}});
    EXPECT_EQ(text_of(ruleset), "!10.0.1.66/32, 10.0.1.0/24");
}

TEST(MyNetworks, WriteMappedAddressesAsIPv4) { EXPECT_EQ(mynetworks({{"::ffff:10.0.0.1"}}), "10.0.0.1/32"); }

// To us ::/0 holds IPv4 too, to Postfix it does not.
TEST(MyNetworks, NameIPv4WhereAnIPv6BlockHoldsIt)
{
    EXPECT_EQ(mynetworks({{"[::]/0", "!10.0.0.0/8"}}), "!10.0.0.0/8, 0.0.0.0/0, [::]/0");
    EXPECT_EQ(mynetworks({{"[::]/0", "!0.0.0.0/0"}}), "[::]/0");
}

}   // namespace
