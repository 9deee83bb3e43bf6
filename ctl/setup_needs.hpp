// What mailcore.yaml asks of Postfix. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/rules/ruleset.hpp"
#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {

struct Needs {
    std::string policy;                      // the policy server, in Postfix's words: "unix:mailcore/policy.sock"
    std::string milter;
    std::vector<std::string> networks;       // mynetworks, in its order
    std::vector<std::string> certificates;   // digests of public keys, as Postfix writes them: "AB:CD:…"
    bool has_logins = false;
    std::uint64_t largest_size = 0;          // of any tenant, in bytes; 0 = no tenant has one
};

// Fails where Postfix could not reach a socket: it is outside the queue directory, and a service is chrooted into it.
base::Result<Needs> needs_of(config::Settings const& settings, rules::Ruleset const& ruleset,
                             PostfixConfiguration const& postfix);

}   // namespace mailcore::ctl
