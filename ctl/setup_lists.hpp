// Lists of main.cf and master.cf as setup judges them: is the gate asked first, and who else is permitted? Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailcore::ctl {

using Items = std::vector<std::string>;

// The gate in Postfix's words, with short timeouts and mail that waits while it is away. `address` as in main.cf:
// "unix:mailcore/policy.sock".
std::string policy_call(std::string const& address);
std::string milter_call(std::string const& address);

// Is the first item our call, with a timeout and a refusal to fall back on? An operator's own figures are as good as ours.
bool begins_with_policy_call(Items const& items, std::string const& address);
bool begins_with_milter(Items const& items, std::string const& address);

// The same lists without the gate: what else is in them.
Items without_policy_call(Items const& items, std::string const& address);
Items without_milter(Items items, std::string const& address);

// Whom Postfix has to permit, and whom it may.
struct Permitted {
    Items must;
    Items may;
};

// The gate is asked first, nobody else is permitted, and the end is a refusal.
bool is_good_relay_list(std::string_view value, std::string const& address, Permitted const& permitted);

std::string joined(std::string text, Items const& items, std::string_view separator);

// For restrictions: a word and its argument belong together without a comma.
std::string joined_restrictions(std::string text, Items const& items);

}   // namespace mailcore::ctl
