#include "core/mail/address_pattern.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/mail/domain.hpp"

namespace mailcore::mail {
namespace {

// Quoted (RFC 5321 4.1.2) unless it is plain enough to be parsed without.
std::string written_local_part(std::string_view local)
{
    constexpr std::string_view plain = "!#$%&'+-/=?^_`{|}~.";   // without "*"
    bool const is_plain = std::all_of(local.begin(), local.end(), [&](char c) {
        return base::is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 || plain.find(c) != std::string_view::npos;
    });
    if (is_plain) return std::string{local};

    std::string quoted = "\"";
    for (char const c : local) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

}   // namespace

base::Result<AddressPattern> AddressPattern::parse(std::string_view text)
{
    auto const wrong = [&](std::string_view why) {
        return base::fail("\"" + base::printable(text) + "\" is not an address pattern: " + std::string{why} +
                          "; write user@example.org, @example.org or @.example.org");
    };
    auto const at = text.rfind('@');
    if (at == std::string_view::npos) return wrong("it has no @");

    AddressPattern pattern;
    auto domain = text.substr(at + 1);
    if (at == 0) {
        pattern.kind = domain.starts_with('.') ? Kind::Subdomains : Kind::Domain;
        if (pattern.kind == Kind::Subdomains) domain.remove_prefix(1);
    } else {
        // Only quoted is it a mailbox. Taken for one where a wildcard is meant, a deny list would silently deny nothing.
        if (text.substr(0, at) == "*") return wrong("* is no wildcard here");
        auto const internal = internal_form_of_path(text);
        pattern.local = base::lower(std::string_view{internal}.substr(0, internal.rfind('@')));
        bool const printable = std::none_of(pattern.local.begin(), pattern.local.end(), [](char c) {
            return static_cast<unsigned char>(c) < ' ' || c == 0x7F;
        });
        if (pattern.local.empty() || !printable) return wrong("its local part is empty or holds control characters");
    }
    append_comparable_domain(pattern.domain, domain);
    bool const literal = pattern.domain.starts_with('[') && pattern.domain.ends_with(']');
    if (!is_valid_domain(pattern.domain) && !literal) return wrong("its domain is not a domain name");
    return pattern;
}

std::string AddressPattern::to_string() const
{
    switch (kind) {
        case Kind::Mailbox: return written_local_part(local) + "@" + domain;
        case Kind::Domain: return "@" + domain;
        case Kind::Subdomains: return "@." + domain;
    }
    return "";
}

std::size_t AddressPatternHash::operator()(AddressPatternView const& key) const noexcept
{
    std::hash<std::string_view> const hash;
    auto const domain = hash(key.domain) + static_cast<std::size_t>(key.kind);
    return key.local.empty() ? domain : domain * 31 + hash(key.local);
}

}   // namespace mailcore::mail
