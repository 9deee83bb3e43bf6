// What setup would change, as values: pure, from what the gate needs and what Postfix has. A plan without changes means
// that Postfix is wired already; what an operator has put there in his own words stays when it does the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/rules/ruleset.hpp"
#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {

// The parameters of main.cf that a plan looks at, for reading a PostfixConfiguration.
std::vector<std::string> const& parameters_of_interest();

// What mailcore.yaml asks of Postfix.
struct Needs {
    std::string policy;                      // the policy server, in Postfix's words: "unix:mailcore/policy.sock"
    std::string milter;
    std::vector<std::string> networks;       // mynetworks, in its order
    std::vector<std::string> certificates;   // digests of public keys, as Postfix writes them: "AB:CD:…"
    bool has_logins = false;
    std::uint64_t largest_size = 0;          // of any tenant, in bytes; 0 = no tenant has one
};

// Fails where Postfix could not reach a socket: it is outside the queue directory, and a service is chrooted into it.
base::Result<Needs> needs_of(config::Settings const& settings, rules::Ruleset const& ruleset, PostfixConfiguration const& postfix);

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

}   // namespace mailcore::ctl
