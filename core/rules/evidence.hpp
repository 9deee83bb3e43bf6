// Steps 1 and 2 of finding a tenant: which Terms the message's evidence and its sender lead to. Both sides can be large
// (100,000 tenants behind one application server, or one sender domain for all), so neither is ever copied or walked
// when the other is smaller: the smaller side is walked, the larger one asked.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "core/mail/request.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::rules {

// What the sender cannot forge: login, else certificate, else the client's address.
class Evidence {
public:
    enum class Kind : std::uint8_t {
        Login,
        Certificate,
        Network,
        Unknown,   // a certificate may have been given, and only a later stage can tell
    };

    Evidence(Ruleset const& ruleset, mail::Request const& request);

    Kind kind() const { return kind_; }
    bool empty() const;             // it leads to no Terms
    std::size_t size() const;       // an upper bound of the Terms, quickly
    bool holds(TermsId terms) const;

    // Calls visit(TermsId) for each until it returns false; returns false if it did.
    template <class Visit>
    bool for_each(Visit visit) const
    {
        if (kind_ != Kind::Network) return std::all_of(terms_.begin(), terms_.end(), visit);
        for (std::size_t i = 0; i < node_count_; ++i) {
            for (auto const& entry : nodes_[i]->entries) {
                if (!entry.included || named_before(entry.networks, i)) continue;
                auto const& list = ruleset_.terms_of_networks[entry.networks];
                if (!std::all_of(list.begin(), list.end(), visit)) return false;
            }
        }
        return true;
    }

private:
    bool named_before(NetworksId networks, std::size_t node) const;   // by a longer prefix, which decides

    Ruleset const& ruleset_;
    Kind kind_ = Kind::Network;
    std::span<TermsId const> terms_;   // Login, Certificate: sorted
    // Network: the blocks that hold the address, longest prefix first.
    std::array<NetworkNode const*, net::IpAddress::kBits + 1> nodes_;
    std::size_t node_count_ = 0;
};

// The Terms whose `senders` hold an address.
class SenderMatches {
public:
    SenderMatches(Ruleset const& ruleset, mail::Address const& sender);

    std::size_t size() const;
    bool holds(TermsId terms) const;

    template <class Visit>
    bool for_each(Visit visit) const
    {
        for (std::size_t i = 0; i < count_; ++i) {
            for (TermsId const terms : *lists_[i]) {
                if (!named_before(terms, i) && !visit(terms)) return false;
            }
        }
        return true;
    }

private:
    bool named_before(TermsId terms, std::size_t list) const;   // by a more specific pattern: visited already
    void add(std::vector<TermsId> const& list);

    static constexpr std::size_t kMaxPatterns = 64;   // matching one address; more only by a configuration made for that
    std::array<std::vector<TermsId> const*, kMaxPatterns> lists_;
    std::size_t count_ = 0;
};

// The Terms that both hold, each once, until visit(TermsId) returns false.
template <class Visit>
void for_each_candidate(Evidence const& evidence, SenderMatches const& senders, Visit visit)
{
    if (senders.size() <= evidence.size()) {
        senders.for_each([&](TermsId terms) { return !evidence.holds(terms) || visit(terms); });
    } else {
        evidence.for_each([&](TermsId terms) { return !senders.holds(terms) || visit(terms); });
    }
}

}   // namespace mailcore::rules
