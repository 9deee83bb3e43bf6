#include "ctl/postfix_syntax.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"

namespace mailcore::ctl {
namespace {

using base::trim;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view next_word(std::string_view& text)
{
    text = trim(text);
    auto const end = std::find_if(text.begin(), text.end(), is_blank);
    auto const word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(word.size());
    return word;
}

// name, type, private, unprivileged, chroot, wakeup, maxproc, command
PostfixService parse_service(std::string_view line)
{
    PostfixService service;
    service.line = one_line(line);
    service.name = next_word(line);
    service.type = next_word(line);
    next_word(line);
    next_word(line);
    service.chrooted = next_word(line) == "y";
    next_word(line);
    next_word(line);
    service.command = next_word(line);
    return service;
}

// "submission/inet/smtpd_milters = …": a service's name may hold slashes, a parameter's may not.
struct Override {
    std::string_view service, name, value;
};
Override parse_override(std::string_view line)
{
    auto const equals = line.find(" =");
    auto const left = trim(line.substr(0, equals));
    auto const slash = left.rfind('/');
    if (equals == std::string_view::npos || slash == std::string_view::npos) return {};
    return {left.substr(0, slash), left.substr(slash + 1), trim(line.substr(equals + 2))};
}

std::string_view port_of(std::string_view service)
{
    auto const colon = service.rfind(':');
    return colon == std::string_view::npos ? service : service.substr(colon + 1);
}

}   // namespace

bool PostfixService::is_submission() const
{
    static constexpr std::array<std::string_view, 5> kPorts{"submission", "submissions", "smtps", "587", "465"};
    return type == "inet" && std::find(kPorts.begin(), kPorts.end(), port_of(name)) != kPorts.end();
}

bool PostfixService::takes_filtered_mail() const
{
    auto const filter = overrides.find("content_filter");
    bool const loopback = name.starts_with("127.") || name.starts_with("localhost:") || name.starts_with("[::1]:");
    return loopback && filter != overrides.end() && filter->second.empty();
}

std::string const& PostfixConfiguration::value(std::string const& name) const
{
    static std::string const none;
    auto const found = effective.find(name);
    return found == effective.end() ? none : found->second;
}

PostfixService const* PostfixConfiguration::find_service(std::string_view id) const
{
    auto const found = std::find_if(services.begin(), services.end(), [&](auto const& service) { return service.id() == id; });
    return found == services.end() ? nullptr : &*found;
}

std::map<std::string, std::string> parse_parameters(std::string_view text)
{
    std::map<std::string, std::string> parameters;
    for (auto const line : base::split(text, '\n')) {
        auto const equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        parameters.insert_or_assign(std::string{trim(line.substr(0, equals))}, std::string{trim(line.substr(equals + 1))});
    }
    return parameters;
}

std::vector<PostfixService> parse_services(std::string_view table, std::string_view overrides)
{
    std::vector<PostfixService> services;
    for (auto const line : base::split(table, '\n')) {
        if (!trim(line).empty()) services.push_back(parse_service(line));
    }
    for (auto const line : base::split(overrides, '\n')) {
        auto const found = parse_override(line);
        for (auto& service : services) {
            if (service.id() != found.service) continue;
            service.overrides.insert_or_assign(std::string{found.name}, std::string{found.value});
        }
    }
    return services;
}

std::string one_line(std::string_view text)
{
    std::string line;
    for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
        if (!line.empty()) line += ' ';
        line += word;
    }
    return line;
}

std::vector<std::string> split_list(std::string_view value)
{
    std::vector<std::string> items;
    std::string item;
    int depth = 0;
    for (char const c : value) {
        if (depth == 0 && (c == ',' || is_blank(c))) {
            if (!item.empty()) items.push_back(one_line(item));
            item.clear();
            continue;
        }
        if (c == '{') ++depth;
        if (c == '}' && depth > 0) --depth;
        item += c;
    }
    if (!item.empty()) items.push_back(one_line(item));
    return items;
}

}   // namespace mailcore::ctl
