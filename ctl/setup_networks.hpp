// The networks of all tenants together, as Postfix's mynetworks wants them.
//
// A tenant's list is read by its longest prefix, and an address belongs to it whatever the order. Postfix takes the first
// match and knows no tenants. So an address stands in mynetworks if any tenant's `clients` hold it; an exclusion stands
// there only where no tenant holds the address; and the most specific block comes first.
#pragma once

#include <string>
#include <vector>

#include "core/net/ip.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::ctl {

struct ClientNetwork {
    net::CidrBlock block;
    bool included = true;
    std::string to_string() const;   // as in main.cf: "10.0.0.0/24", "!10.0.0.66/32", "[2001:db8::]/32"
    bool operator==(ClientNetwork const&) const = default;
};

// Only what is needed: a block within another of the same answer is left out.
std::vector<ClientNetwork> client_networks(rules::Ruleset const& ruleset);

}   // namespace mailcore::ctl
