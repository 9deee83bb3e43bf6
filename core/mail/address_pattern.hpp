// What an operator writes to name addresses: "user@example.org", "@example.org", "@.example.org" (every domain below).
// A pattern with a local part also matches its plus-extensions. Local parts compare without ASCII case, domains in both
// IDN forms. A local part may be quoted: "\"a b\"@example.org".
#pragma once

#include <string>
#include <string_view>

#include "core/base/flat_map.hpp"
#include "core/base/result.hpp"
#include "core/mail/address.hpp"

namespace mailcore::mail {

struct AddressPattern {
    enum class Kind : std::uint8_t { Mailbox, Domain, Subdomains };
    Kind kind = Kind::Mailbox;
    std::string local;    // Mailbox only; lower case, unquoted
    std::string domain;   // comparable; for Subdomains without the leading dot

    static base::Result<AddressPattern> parse(std::string_view text);
    std::string to_string() const;   // in comparable form; parses to the same
    bool operator==(AddressPattern const&) const = default;
};

// Views of the same, for looking up without making strings.
struct AddressPatternView {
    AddressPattern::Kind kind;
    std::string_view local;
    std::string_view domain;
};

struct AddressPatternHash {
    using is_transparent = void;
    std::size_t operator()(AddressPatternView const& key) const noexcept;
    std::size_t operator()(AddressPattern const& key) const noexcept
    {
        return (*this)(AddressPatternView{key.kind, key.local, key.domain});
    }
};

struct AddressPatternEqual {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(Left const& left, Right const& right) const noexcept
    {
        return left.kind == right.kind && std::string_view{left.local} == std::string_view{right.local} &&
               std::string_view{left.domain} == std::string_view{right.domain};
    }
};

// From patterns to values; finds all that match an address by a few hash probes, whatever their number.
template <class Value>
class AddressPatternMap {
public:
    Value& operator[](AddressPattern const& pattern)
    {
        has_kind_[static_cast<std::size_t>(pattern.kind)] = true;
        return values_[pattern];
    }

    bool empty() const { return values_.empty(); }
    std::size_t size() const { return values_.size(); }
    auto begin() const { return values_.begin(); }
    auto end() const { return values_.end(); }

    // Calls visit(pattern, value), most specific pattern first, until it returns false. An address without domain and
    // the null address match no pattern.
    template <class Visit>
    void for_each_match(Address const& address, Visit visit) const
    {
        if (address.kind() != Address::Kind::Mailbox || values_.empty()) return;
        if (has(AddressPattern::Kind::Mailbox) && !visit_mailboxes(address, visit)) return;
        if (has(AddressPattern::Kind::Domain) && !visit_key({AddressPattern::Kind::Domain, {}, address.domain()}, visit)) return;
        if (has(AddressPattern::Kind::Subdomains)) visit_parents(address.domain(), visit);
    }

private:
    static constexpr int kMaxExtensions = 8;

    bool has(AddressPattern::Kind kind) const { return has_kind_[static_cast<std::size_t>(kind)]; }

    template <class Visit>
    bool visit_key(AddressPatternView const& key, Visit& visit) const
    {
        auto const* const found = values_.find(key);
        return found == nullptr || visit(found->first, found->second);
    }

    // The address itself, then without its plus-extension: `a` and `a+b` both hold `a+b+c`. Of an address with more
    // signs than anybody writes only the last few are tried as ends, and the first: time must not grow with their square.
    template <class Visit>
    bool visit_mailboxes(Address const& address, Visit& visit) const
    {
        auto local = address.local();
        for (int tries = 0; !local.empty(); ++tries) {
            if (!visit_key({AddressPattern::Kind::Mailbox, local, address.domain()}, visit)) return false;
            auto const plus = tries < kMaxExtensions ? local.rfind('+') : local.find('+');
            if (plus == std::string_view::npos) break;
            local = local.substr(0, plus);
        }
        return true;
    }

    template <class Visit>
    void visit_parents(std::string_view domain, Visit& visit) const
    {
        for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.')) {
            domain.remove_prefix(dot + 1);
            if (!visit_key({AddressPattern::Kind::Subdomains, {}, domain}, visit)) return;
        }
    }

    base::FlatMap<AddressPattern, Value, AddressPatternHash, AddressPatternEqual> values_;
    bool has_kind_[3] = {};
};

class AddressPatternSet {
public:
    void insert(AddressPattern const& pattern) { patterns_[pattern] = true; }
    bool matches(Address const& address) const
    {
        bool found = false;
        patterns_.for_each_match(address, [&](AddressPattern const&, bool) { found = true; return false; });
        return found;
    }
    bool empty() const { return patterns_.empty(); }
    std::size_t size() const { return patterns_.size(); }
    auto begin() const { return patterns_.begin(); }
    auto end() const { return patterns_.end(); }

private:
    AddressPatternMap<bool> patterns_;
};

}   // namespace mailcore::mail
