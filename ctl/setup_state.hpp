// What setup remembers in mailcore-setup.json, and what follows from it for --undo. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "ctl/postfix_syntax.hpp"
#include "ctl/setup_plan.hpp"

namespace mailcore::ctl {

// One thing setup changed: what was there (nothing = it was not there), and what setup left.
struct Changed {
    std::optional<std::string> former;
    std::string left;
    bool operator==(Changed const&) const = default;
};

struct SetupState {
    std::string original;   // backup of both files as they were before setup came; "" where that is no longer the whole truth
    std::string latest;     // backup made by the last --apply; holds what it left as main.cf.after and master.cf.after
    std::map<std::string, Changed> parameters;   // of main.cf
    std::map<std::string, Changed> services;     // of master.cf, whole entries
    bool operator==(SetupState const&) const = default;
};

base::Result<SetupState> parse_state(std::string_view text);
std::string print_state(SetupState const& state);

// Adds what a plan has changed. A value that was changed by hand since setup set it counts as former from then on.
void remember(SetupState& state, Plan const& plan, PostfixConfiguration const& before, PostfixConfiguration const& after);

struct UndoPlan {
    std::vector<Change> changes;
    std::vector<std::string> conflicts;   // what somebody changed since, one line each
};
UndoPlan plan_undo(SetupState const& state, PostfixConfiguration const& now);

}   // namespace mailcore::ctl
