#include "core/rules/evidence.hpp"

namespace mailcore::rules {
namespace {

using TermsIndex = decltype(Ruleset::terms_by_login);

std::span<TermsId const> look_up(TermsIndex const& index, std::string_view key)
{
    auto const found = index.find(key);
    return found == index.end() ? std::span<TermsId const>{} : std::span<TermsId const>{found->second};
}

NetworkEntry const* find_entry(NetworkNode const& node, NetworksId networks)
{
    auto const found = std::lower_bound(node.entries.begin(), node.entries.end(), networks,
                                        [](NetworkEntry const& entry, NetworksId id) { return entry.networks < id; });
    return found != node.entries.end() && found->networks == networks ? &*found : nullptr;
}

}   // namespace

Evidence::Evidence(Ruleset const& ruleset, mail::Request const& request) : ruleset_{ruleset}
{
    using State = mail::Certificate::State;
    if (!request.login.empty()) {
        kind_ = Kind::Login;
        terms_ = look_up(ruleset.terms_by_login, request.login);
    } else if (request.certificate.state == State::Present) {
        kind_ = Kind::Certificate;
        terms_ = look_up(ruleset.terms_by_certificate, request.certificate.digest);
    } else if (request.certificate.state == State::Unknown) {
        kind_ = Kind::Unknown;
    } else if (request.client_address) {
        ruleset.networks_by_address.for_each_match(*request.client_address, [this](NetworkNode const& node) {
            nodes_[node_count_++] = &node;
            return true;
        });
    }
}

bool Evidence::empty() const
{
    return for_each([](TermsId) { return false; });   // nothing to stop at
}

std::size_t Evidence::size() const
{
    if (kind_ != Kind::Network) return terms_.size();
    std::size_t total = 0;
    for (std::size_t i = 0; i < node_count_; ++i) total += nodes_[i]->weight;
    return total;
}

bool Evidence::holds(TermsId terms) const
{
    if (kind_ != Kind::Network) return std::binary_search(terms_.begin(), terms_.end(), terms);
    auto const networks = ruleset_.terms[terms].networks;
    for (std::size_t i = 0; i < node_count_; ++i) {
        if (auto const* entry = find_entry(*nodes_[i], networks)) return entry->included;
    }
    return false;
}

bool Evidence::named_before(NetworksId networks, std::size_t node) const
{
    for (std::size_t i = 0; i < node; ++i) {
        if (find_entry(*nodes_[i], networks) != nullptr) return true;
    }
    return false;
}

SenderMatches::SenderMatches(Ruleset const& ruleset, mail::Address const& sender)
{
    if (sender.kind() == mail::Address::Kind::Null) {
        add(ruleset.terms_with_null_sender);
        return;
    }
    ruleset.terms_by_sender.for_each_match(sender, [this](auto const&, std::vector<TermsId> const& list) {
        add(list);
        return count_ < kMaxPatterns;
    });
}

void SenderMatches::add(std::vector<TermsId> const& list) { lists_[count_++] = &list; }

std::size_t SenderMatches::size() const
{
    std::size_t total = 0;
    for (std::size_t i = 0; i < count_; ++i) total += lists_[i]->size();
    return total;
}

bool SenderMatches::holds(TermsId terms) const
{
    return named_before(terms, count_);
}

bool SenderMatches::named_before(TermsId terms, std::size_t list) const
{
    for (std::size_t i = 0; i < list; ++i) {
        if (std::binary_search(lists_[i]->begin(), lists_[i]->end(), terms)) return true;
    }
    return false;
}

}   // namespace mailcore::rules
