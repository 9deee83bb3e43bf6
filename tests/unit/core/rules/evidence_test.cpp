// The lookups behind steps 1 and 2, against a slow and simple model, and their cost.

#include <random>

#include "core/rules/evidence.hpp"
#include "tests/unit/core/rules/gate_language.hpp"

namespace mailcore::rules::testing {
namespace {

struct Item {
    net::CidrBlock block;
    bool included;
};

// The contract's words, literally: the longest prefix decides; at equal length the exclusion.
bool holds(std::vector<Item> const& list, net::IpAddress const& address)
{
    int longest = -1;
    bool included = false;
    for (auto const& item : list) {
        if (!item.block.contains(address) || item.block.prefix_length < longest) continue;
        included = item.block.prefix_length == longest ? included && item.included : item.included;
        longest = item.block.prefix_length;
    }
    return included;
}

TEST(Evidence, FindsTheSameTenantsAsASimpleModel)
{
    std::mt19937 random{4711};
    auto const pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    for (int round = 0; round < 60; ++round) {
        std::vector<std::vector<Item>> lists;
        std::string yaml = "tenants:\n";
        for (unsigned t = 0; t < 8; ++t) {
            std::vector<Item> list;
            std::string clients;
            for (unsigned i = 0; i <= pick(6); ++i) {
                int const length = 128 - static_cast<int>(pick(10));   // of 10.0.0.0/22 and longer
                auto const address = net::IpAddress::parse("10.0." + std::to_string(pick(4)) + "." + std::to_string(pick(256)));
                list.push_back({{address->masked(length), length}, pick(3) != 0});
                clients += (clients.empty() ? "'" : ", '") + std::string{list.back().included ? "" : "!"} + list.back().block.to_string() + "'";
            }
            lists.push_back(list);
            yaml += "  t" + std::to_string(t) + ": {clients: [" + clients + "], senders: ['@t" + std::to_string(t) + ".test']}\n";
        }
        auto const rules = compiled(yaml);
        for (int probe = 0; probe < 200; ++probe) {
            auto const text = "10.0." + std::to_string(pick(4)) + "." + std::to_string(pick(256));
            auto const asked = request("client_address=" + text + " sender=");
            Evidence const evidence{rules, asked};
            std::vector<bool> found(lists.size(), false);
            evidence.for_each([&](TermsId id) {
                for (auto const tenant : rules.terms[id].tenants) found[tenant] = true;
                return true;
            });
            bool any = false;
            for (std::size_t t = 0; t < lists.size(); ++t) {
                bool const expected = holds(lists[t], *net::IpAddress::parse(text));
                EXPECT_EQ(found[t], expected) << text << " in t" << t << "\n" << yaml;
                EXPECT_EQ(evidence.holds(rules.tenants[t].terms), expected) << text << " in t" << t << "\n" << yaml;
                any |= expected;
            }
            EXPECT_EQ(evidence.empty(), !any) << text << "\n" << yaml;
        }
    }
}

TEST(Evidence, CandidatesAreThoseOfBothSidesEachOnce)
{
    auto const rules = compiled(R"(
tenants:
  a: {clients: [10.0.0.0/8, 10.0.0.1], senders: ["x@s.test", "@s.test"]}
  b: {clients: [10.0.0.1], senders: ["@s.test", "@.test"]}
  c: {clients: [10.0.0.2], senders: ["@s.test"]}
  d: {clients: [10.0.0.1], senders: ["@other.test"]}
)");
    auto const asked = request("client_address=10.0.0.1 sender=x+y@s.test");
    std::vector<std::string> names;
    for_each_candidate(Evidence{rules, asked}, SenderMatches{rules, asked.sender}, [&](TermsId id) {
        names.push_back(rules.tenants[rules.terms[id].tenants.front()].name);
        return true;
    });
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
}

}   // namespace
}   // namespace mailcore::rules::testing
