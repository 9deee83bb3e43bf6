#include "core/net/cidr_map.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace mailcore::net {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

CidrMap<std::string> map_of(std::vector<std::string> const& blocks)
{
    CidrMap<std::string> map;
    for (auto const& text : blocks) map[CidrBlock::parse(text).value()] = text;
    return map;
}

std::vector<std::string> matches(CidrMap<std::string> const& map, std::string_view address)
{
    std::vector<std::string> found;
    map.for_each_match(ip(address), [&](std::string const& value) { found.push_back(value); return true; });
    return found;
}

TEST(CidrMap, VisitsTheLongestPrefixFirst)
{
    auto const map = map_of({"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.250/32", "10.0.1.0/24", "::/0"});
    EXPECT_EQ(matches(map, "10.0.0.250"), (std::vector<std::string>{"10.0.0.250/32", "10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "::/0"}));
    EXPECT_EQ(matches(map, "10.0.1.1"), (std::vector<std::string>{"10.0.1.0/24", "10.0.0.0/8", "0.0.0.0/0", "::/0"}));
    EXPECT_EQ(matches(map, "2001:db8::1"), (std::vector<std::string>{"::/0"}));
}

TEST(CidrMap, FindsTheLongestMatch)
{
    auto const map = map_of({"10.0.0.0/8", "10.0.0.0/24"});
    EXPECT_EQ(*map.find(ip("10.0.0.1")), "10.0.0.0/24");
    EXPECT_EQ(*map.find(ip("10.9.0.1")), "10.0.0.0/8");
    EXPECT_EQ(*map.find(ip("::ffff:10.9.0.1")), "10.0.0.0/8");
    EXPECT_EQ(map.find(ip("11.0.0.1")), nullptr);
}

TEST(CidrMap, StopsWhenToldTo)
{
    auto const map = map_of({"10.0.0.0/8", "10.0.0.0/24", "0.0.0.0/0"});
    int visits = 0;
    map.for_each_match(ip("10.0.0.1"), [&](std::string const&) { ++visits; return false; });
    EXPECT_EQ(visits, 1);
}

TEST(CidrMap, HoldsNothingAtFirst)
{
    CidrMap<int> const map;
    EXPECT_EQ(map.size(), 0u);
    EXPECT_EQ(map.find(ip("10.0.0.1")), nullptr);
}

TEST(CidrMap, GivesTheSameSlotForTheSameBlock)
{
    CidrMap<int> map;
    map[CidrBlock::parse("10.0.0.0/8").value()] = 1;
    map[CidrBlock::parse("::ffff:10.0.0.0/104").value()] += 1;
    EXPECT_EQ(map.size(), 1u);
    EXPECT_EQ(*map.find(ip("10.0.0.1")), 2);
}

TEST(CidrMap, AgreesWithAScanOverAllBlocks)
{
    std::vector<CidrBlock> blocks;
    CidrMap<std::size_t> map;
    for (int length = 0; length <= 32; ++length) {
        auto const network = ip("10.37.211.66").masked(96 + length);
        map[CidrBlock{network, 96 + length}] = blocks.size();
        blocks.push_back({network, 96 + length});
    }
    for (std::string_view const text : {"10.37.211.66", "10.37.211.67", "10.37.211.70", "10.37.0.1", "10.1.2.3", "200.1.2.3", "2001:db8::1"}) {
        std::size_t expected = 0;
        for (auto const& one : blocks) expected += one.contains(ip(text)) ? 1u : 0u;
        std::size_t found = 0;
        map.for_each_match(ip(text), [&](std::size_t) { ++found; return true; });
        EXPECT_EQ(found, expected) << text;
    }
}

}   // namespace
}   // namespace mailcore::net
