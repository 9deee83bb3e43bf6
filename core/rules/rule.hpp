// One of the ordered `rules`: conditions, an action, a name. They know where they were written and count their hits.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/address_pattern.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/net/cidr_map.hpp"

namespace mailcore::rules {

// Unknown: the fact is not there yet; a later stage may tell.
enum class Match : std::uint8_t { No, Yes, Unknown };

// A list of host names: "mail.example.org" is that host, ".example.org" every host below it.
struct HostPatterns {
    std::vector<std::string> names;   // lower case
    bool matches(std::string_view host) const;
};

// All parts that are set must hold; an unset part always does.
struct Condition {
    std::vector<std::string> tenants;      // sorted
    net::CidrMap<bool> clients;            // true = included, false = excluded
    std::vector<std::string> logins;       // sorted
    mail::AddressPatternSet senders, recipients, from;
    bool null_sender = false;              // `sender` holds "<>"
    HostPatterns helo;
    std::vector<std::uint16_t> ports;
    std::optional<bool> tls;
    std::optional<std::uint64_t> size_over;   // bytes
    std::unique_ptr<Condition> negated;       // `not`
    bool has_clients = false;
};

struct Rule {
    std::string name;
    std::string position;    // file:line:column
    Condition when;
    mail::Action action = mail::Action::Pass;
    mail::SmtpReply reply;   // empty for pass and hold
    std::unique_ptr<std::string const> reply_text;   // what `reply` points into, where the rule has a text of its own
    std::unique_ptr<std::atomic<std::uint64_t>> hits;
};

// Does it hold for this message, if it is this tenant's?
Match matches(Condition const& condition, mail::Request const& request, std::string_view tenant);

}   // namespace mailcore::rules
