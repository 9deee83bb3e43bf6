#include "ctl/setup_lists.hpp"

#include <algorithm>
#include <map>

#include "core/base/text.hpp"
#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {
namespace {

constexpr std::string_view kPolicyWord = "check_policy_service";

bool holds(Items const& items, std::string_view item)
{
    return std::find(items.begin(), items.end(), item) != items.end();
}

std::string_view without_braces(std::string_view text)
{
    bool const braced = text.size() >= 2 && text.starts_with('{') && text.ends_with('}');
    return base::trim(braced ? text.substr(1, text.size() - 2) : text);
}

// "{ unix:x, timeout=5s }" and "unix:x" both are at unix:x.
struct Call {
    std::string address;
    std::map<std::string, std::string, std::less<>> options;

    std::string option(std::string_view name) const
    {
        auto const found = options.find(name);
        return found == options.end() ? std::string{} : found->second;
    }
};

Call parse_call(std::string_view item)
{
    Call call;
    for (auto const& part : split_list(without_braces(item))) {
        auto const option = without_braces(part);
        auto const equals = option.find('=');
        if (call.address.empty()) call.address = part;
        else if (equals != std::string_view::npos) {
            call.options.emplace(base::trim(option.substr(0, equals)), base::trim(option.substr(equals + 1)));
        }
    }
    return call;
}

bool calls_policy(Items const& items, std::size_t i, std::string const& address)
{
    return items[i] == kPolicyWord && i + 1 < items.size() && parse_call(items[i + 1]).address == address;
}

}   // namespace

std::string policy_call(std::string const& address)
{
    return std::string{kPolicyWord} + " { " + address +
           ", timeout=5s, { default_action = 451 4.3.5 Mail gate not available, try again later } }";
}

std::string milter_call(std::string const& address)
{
    return "{ " + address + ", connect_timeout=3s, command_timeout=5s, content_timeout=15s, default_action=tempfail }";
}

bool begins_with_policy_call(Items const& items, std::string const& address)
{
    if (items.empty() || !calls_policy(items, 0, address)) return false;
    auto const call = parse_call(items[1]);
    return !call.option("timeout").empty() && call.option("default_action").starts_with('4');
}

bool begins_with_milter(Items const& items, std::string const& address)
{
    if (items.empty()) return false;
    auto const call = parse_call(items.front());
    bool const timed = !call.option("connect_timeout").empty() && !call.option("command_timeout").empty() &&
                       !call.option("content_timeout").empty();
    return call.address == address && timed && call.option("default_action") == "tempfail";
}

Items without_policy_call(Items const& items, std::string const& address)
{
    Items rest;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (calls_policy(items, i, address)) ++i;   // and its argument
        else rest.push_back(items[i]);
    }
    return rest;
}

Items without_milter(Items items, std::string const& address)
{
    std::erase_if(items, [&](std::string const& item) { return parse_call(item).address == address; });
    return items;
}

bool is_good_relay_list(std::string_view value, std::string const& address, Permitted const& permitted)
{
    auto const items = split_list(value);
    if (!begins_with_policy_call(items, address) || items.back() != "reject") return false;
    bool const nobody_else = std::all_of(items.begin(), items.end(), [&](std::string const& item) {
        return !item.starts_with("permit") || holds(permitted.may, item);
    });
    auto const is_there = [&](std::string const& item) { return holds(items, item); };
    return nobody_else && std::all_of(permitted.must.begin(), permitted.must.end(), is_there);
}

std::string joined(std::string text, Items const& items, std::string_view separator)
{
    for (auto const& item : items) text.append(text.empty() ? "" : separator).append(item);
    return text;
}

std::string joined_restrictions(std::string text, Items const& items)
{
    bool is_argument = false;
    for (auto const& item : items) {
        text.append(is_argument ? " " : ", ").append(item);
        is_argument = item.starts_with("check_");
    }
    return text;
}

}   // namespace mailcore::ctl
