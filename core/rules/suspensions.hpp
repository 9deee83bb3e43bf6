// Tenants that an operator has switched off with `mailcorectl tenant suspend`: a value that decide() is given beside the
// rules. Where it is kept: core/store/suspensions.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"

namespace mailcore::rules {

struct Suspension {
    bool suspended = true;   // false: resumed; remembered so that an older suspension elsewhere does not come back
    base::Time time{};       // of the last change; the later of two wins
    std::string reason;      // the operator's words; may be empty
    bool operator==(Suspension const&) const = default;
};

// By tenant. Whatever an operator has said of a tenant is kept, also that it was resumed.
class Suspensions {
public:
    bool empty() const { return suspended_ == 0; }
    bool holds(std::string_view tenant) const   // is suspended
    {
        if (suspended_ == 0) return false;
        auto const found = entries_.find(tenant);
        return found != entries_.end() && found->second.suspended;
    }
    Suspension const* find(std::string_view tenant) const
    {
        auto const found = entries_.find(tenant);
        return found == entries_.end() ? nullptr : &found->second;
    }
    // Takes the entry if it is later than what is known; says whether it was.
    bool merge(std::string const& tenant, Suspension entry)
    {
        auto const [known, is_new] = entries_.try_emplace(tenant, entry);
        if (!is_new && known->second.time >= entry.time) return false;
        if (!is_new) {
            suspended_ -= known->second.suspended ? 1u : 0u;
            known->second = std::move(entry);
        }
        suspended_ += known->second.suspended ? 1u : 0u;
        return true;
    }
    std::size_t suspended() const { return suspended_; }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }
    bool operator==(Suspensions const&) const = default;

private:
    std::map<std::string, Suspension, std::less<>> entries_;
    std::size_t suspended_ = 0;
};

}   // namespace mailcore::rules
