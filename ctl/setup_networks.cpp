#include "ctl/setup_networks.hpp"

#include <algorithm>
#include <tuple>

namespace mailcore::ctl {
namespace {

using net::CidrBlock;
using rules::NetworkEntry;
using rules::NetworksId;

constexpr int kMappedBits = 96;   // of 128: where IPv4 begins, see net/ip.hpp

struct Node {
    CidrBlock block;
    std::vector<NetworkEntry> entries;
};

bool is_v4(CidrBlock const& block) { return block.prefix_length >= kMappedBits && block.network.is_v4(); }

bool holds(CidrBlock const& outer, CidrBlock const& inner)
{
    return outer.prefix_length <= inner.prefix_length && outer.contains(inner.network);
}

// Walks from the widest block inwards and keeps account of which tenants' lists hold the place it stands at.
class Walk {
public:
    std::vector<ClientNetwork> run(std::vector<Node> const& nodes)
    {
        for (auto const& node : nodes) {
            while (!path_.empty() && !holds(path_.back().block, node.block)) leave();
            enter(node);
        }
        return std::move(found_);
    }

private:
    struct Step {
        CidrBlock block;
        bool included;
        std::vector<NetworkEntry> before;   // what leave() puts back
    };

    void enter(Node const& node)
    {
        bool const outside = answer_outside(node.block);
        Step step{node.block, false, {}};
        for (auto const& entry : node.entries) {
            step.before.push_back({entry.networks, set(entry.networks, entry.included)});
        }
        step.included = holding_ > 0;
        if (step.included != outside) found_.push_back({node.block, step.included});
        path_.push_back(std::move(step));
    }

    void leave()
    {
        for (auto const& entry : path_.back().before) set(entry.networks, entry.included);
        path_.pop_back();
    }

    // What Postfix would say of the block without an entry of its own. To Postfix no IPv6 block holds an IPv4 address.
    bool answer_outside(CidrBlock const& block) const
    {
        if (path_.empty() || is_v4(block) != is_v4(path_.back().block)) return false;
        return path_.back().included;
    }

    bool set(NetworksId list, bool included)   // returns what it was
    {
        if (list >= included_.size()) included_.resize(list + 1);
        bool const before = included_[list];
        included_[list] = included;
        holding_ += static_cast<int>(included) - static_cast<int>(before);
        return before;
    }

    std::vector<Step> path_;
    std::vector<bool> included_;   // by list of networks
    int holding_ = 0;              // how many lists hold the place
    std::vector<ClientNetwork> found_;
};

bool comes_first(Node const& left, Node const& right)
{
    auto const key = [](CidrBlock const& block) {
        return std::tuple{block.network.high(), block.network.low(), block.prefix_length};
    };
    return key(left.block) < key(right.block);
}

std::vector<Node> nodes_of(rules::Ruleset const& ruleset)
{
    CidrBlock const all_v4{net::IpAddress::parse("0.0.0.0").value(), kMappedBits};
    bool wider_than_v4 = false;
    bool has_all_v4 = false;
    std::vector<Node> nodes;
    for (auto const& [block, node] : ruleset.networks_by_address) {
        nodes.push_back({block, node.entries});
        wider_than_v4 |= block.prefix_length < kMappedBits && block.contains(all_v4.network);
        has_all_v4 |= block == all_v4;
    }
    if (wider_than_v4 && !has_all_v4) nodes.push_back({all_v4, {}});   // ::/0 means IPv4 too, and Postfix must be told
    std::sort(nodes.begin(), nodes.end(), comes_first);
    return nodes;
}

}   // namespace

std::string ClientNetwork::to_string() const { return (included ? "" : "!") + block.to_string(); }

std::vector<ClientNetwork> client_networks(rules::Ruleset const& ruleset)
{
    auto networks = Walk{}.run(nodes_of(ruleset));
    std::stable_sort(networks.begin(), networks.end(), [](ClientNetwork const& left, ClientNetwork const& right) {
        return left.block.prefix_length > right.block.prefix_length;
    });
    return networks;
}

}   // namespace mailcore::ctl
