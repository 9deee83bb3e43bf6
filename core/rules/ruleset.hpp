// All rules of a gate as one const value, made by compile(), asked by decide().
//
// Tenants that differ in nothing but their name and limits share one Terms; indices lead from what a message shows (login,
// certificate, client address, sender) to the Terms that hold it. Every lookup is a hash probe or a handful, so that a
// decision costs the same with one tenant and with 100,000. Safe to read from any number of threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/text.hpp"
#include "core/mail/address_pattern.hpp"
#include "core/mail/message.hpp"
#include "core/mail/stamp.hpp"
#include "core/net/cidr_map.hpp"
#include "core/rules/limit.hpp"
#include "core/rules/regex.hpp"
#include "core/rules/rule.hpp"

namespace mailcore::rules {

enum class Mode : std::uint8_t { Enforce, Observe, Suspended };
enum class FromCheck : std::uint8_t { Enforce, Observe, Off };
enum class TicketSource : std::uint8_t { Header, Plus, Subject, References };
enum class OnError : std::uint8_t { Defer, Pass };

using TermsId = std::uint32_t;
using TenantId = std::uint32_t;
using NetworksId = std::uint32_t;   // a distinct list of client networks
using LimitsId = std::uint32_t;     // a distinct list of limits

struct TicketTerms {
    bool required = false;
    std::vector<TicketSource> sources;
    Regex pattern;
    Regex subject;
    Regex references;
};

struct RecipientTerms {
    mail::AddressPatternSet allow;   // empty = anyone
    mail::AddressPatternSet deny;
    bool empty() const { return allow.empty() && deny.empty(); }
};

// What one tenant, or several alike, may do.
struct Terms {
    Mode mode = Mode::Enforce;
    FromCheck from = FromCheck::Enforce;
    bool null_sender = true;
    NetworksId networks = 0;
    std::vector<std::string> logins;         // sorted
    std::vector<std::string> certificates;   // sorted digests
    mail::AddressPatternSet senders;
    RecipientTerms recipients;
    std::optional<TicketTerms> ticket;
    std::uint64_t size = 0;                  // bytes; 0 = any
    std::vector<TenantId> tenants;
    // The tenants to try where any of `tenants` may be meant: one that no rule names, and each that a rule names.
    std::vector<TenantId> representatives;
};

struct Tenant {
    std::string name;
    TermsId terms = 0;
    LimitsId limits = 0;
};

// Which lists of networks name a block, and whether they include or exclude it.
struct NetworkEntry {
    NetworksId networks;
    bool included;
};
struct NetworkNode {
    std::vector<NetworkEntry> entries;   // sorted by list
    std::size_t weight = 0;              // how many Terms the included lists have: the cost of walking them
};

class Ruleset {
public:
    // What does not belong to any tenant.
    bool unknown_tenant_observed = false;   // unknown_tenant: observe
    OnError on_error = OnError::Defer;
    mail::HeaderNames headers;
    std::shared_ptr<mail::StampKeys const> stamp_keys;   // null = unsigned
    std::vector<Rule> rules;

    // Facts that save work where nobody asks for something.
    bool has_logins_or_certificates = false;
    bool has_certificates = false;
    bool has_sizes = false;    // some tenant, rule or limit asks for the actual size: the milter must see the body
    bool has_limits = false;   // some tenant has limits

    std::vector<Terms> terms;
    std::vector<Tenant> tenants;                         // in the order of the configuration
    std::vector<std::vector<TermsId>> terms_of_networks; // by NetworksId
    std::vector<std::vector<Limit>> limits{1};           // by LimitsId: most tenants have equal ones; 0 is none

    std::unordered_map<std::string, TenantId, base::TextHash, std::equal_to<>> tenant_by_name;
    std::unordered_map<std::string, std::vector<TermsId>, base::TextHash, std::equal_to<>> terms_by_login;
    std::unordered_map<std::string, std::vector<TermsId>, base::TextHash, std::equal_to<>> terms_by_certificate;
    net::CidrMap<NetworkNode> networks_by_address;
    mail::AddressPatternMap<std::vector<TermsId>> terms_by_sender;   // each list sorted
    std::vector<TermsId> terms_with_null_sender;                     // sorted

    Tenant const* find_tenant(std::string_view name) const;
    std::span<Limit const> limits_of(Tenant const& tenant) const { return limits[tenant.limits]; }
};

}   // namespace mailcore::rules
