// How Postfix writes things: the output of postconf as values, and lists of main.cf as items. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mailcore::ctl {

// A line of master.cf.
struct PostfixService {
    std::string name;                               // "submission", "127.0.0.1:10025"
    std::string type;                               // "inet"
    bool chrooted = false;
    std::string command;                            // "smtpd"
    std::string line;                               // the whole entry on one line, as postconf -M takes it
    std::map<std::string, std::string> overrides;   // its -o options, $names expanded

    std::string id() const { return name + "/" + type; }
    bool is_submission() const;                     // by its port: mail from whoever proves who he is
    bool takes_filtered_mail() const;               // the way back from a content filter, on loopback only
};

// What setup needs to know of a Postfix.
struct PostfixConfiguration {
    std::map<std::string, std::string> written;     // main.cf as it stands there (postconf -n)
    std::map<std::string, std::string> effective;   // of selected parameters: defaults filled in, $names expanded
    std::vector<PostfixService> services;

    std::string const& value(std::string const& name) const;   // effective; "" if this Postfix does not know it
    bool knows(std::string const& name) const { return effective.contains(name); }
    PostfixService const* find_service(std::string_view id) const;
};

// "name = value" lines.
std::map<std::string, std::string> parse_parameters(std::string_view text);

// The outputs of postconf -M and postconf -Px together.
std::vector<PostfixService> parse_services(std::string_view table, std::string_view overrides);

// Blanks run together into one, none at the ends.
std::string one_line(std::string_view text);

// Items between commas and blanks; what stands in braces is one item.
std::vector<std::string> split_list(std::string_view value);

}   // namespace mailcore::ctl
