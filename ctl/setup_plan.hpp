// What setup would change, as values: pure, from what the gate needs and what Postfix has. A plan without changes means
// that Postfix is wired already; what an operator has put there in his own words stays when it does the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/postfix_syntax.hpp"
#include "ctl/setup_needs.hpp"

namespace mailcore::ctl {

// The parameters of main.cf that a plan looks at, for reading a PostfixConfiguration.
std::vector<std::string> const& parameters_of_interest();

struct Change {
    enum class Kind { Set, AddService, Override, DropOverride, Unset, SetService, DropService };
    Kind kind = Kind::Set;
    std::string target;   // "mynetworks", "submission/inet", "submission/inet/smtpd_milters"
    std::string value;
    std::string why;      // one line for the operator
    std::string former;   // what stands there now, for showing; "" = nothing
    bool operator==(Change const&) const = default;
};

std::string_view postconf_option(Change::Kind kind);   // "-e", "-M", "-P", "-PX", …
std::string postconf_argument(Change const& change);   // "mynetworks = 10.0.0.250/32"

struct Plan {
    std::vector<Change> changes;
    std::vector<std::string> notes;   // what setup leaves to the operator, one line each
};

Plan plan_setup(Needs const& needs, PostfixConfiguration const& postfix);

// Its two halves. That of master.cf puts in front what it refers to in main.cf.
void plan_main_cf(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix);
void plan_master_cf(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix);

}   // namespace mailcore::ctl
