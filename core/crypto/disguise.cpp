#include "core/crypto/disguise.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"

namespace mailcore::crypto {
namespace {

constexpr std::size_t kShortest = 4;

// What stands between the quotes.
std::string json_escaped(std::string_view text)
{
    std::string quoted;
    base::append_json_string(quoted, text);
    return quoted.substr(1, quoted.size() - 2);
}

// As Go's encoding/json, and so Vault, writes it.
std::string html_safe_json(std::string_view text)
{
    std::string escaped;
    for (char const c : json_escaped(text)) {
        if (c == '<') escaped += "\\u003c";
        else if (c == '>') escaped += "\\u003e";
        else if (c == '&') escaped += "\\u0026";
        else escaped += c;
    }
    return escaped;
}

std::string percent_encoded(std::string_view text, std::string_view hex)
{
    std::string encoded;
    for (char const c : text) {
        if (base::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {   // RFC 3986 2.3
            encoded += c;
            continue;
        }
        encoded += '%';
        encoded += hex[static_cast<unsigned char>(c) >> 4u];
        encoded += hex[static_cast<unsigned char>(c) & 15u];
    }
    return encoded;
}

base::Secret joined(std::string_view before, std::string_view user, std::string_view between, std::string_view secret)
{
    base::Secret all{before};
    for (auto const part : {user, between, secret}) all.append(part);
    return all;
}

bool longer(base::Secret const& left, base::Secret const& right) { return left.size() > right.size(); }

}   // namespace

void add_disguises(Disguises& to, Disguises more)
{
    for (auto& one : more) {
        if (one.size() >= kShortest && std::find(to.begin(), to.end(), one) == to.end()) to.push_back(std::move(one));
    }
    std::stable_sort(to.begin(), to.end(), longer);   // so that a short form does not break a longer one
}

Disguises disguises_of(base::Secret const& secret, std::string_view user)
{
    auto const value = secret.reveal();
    if (value.size() < kShortest) return {};
    constexpr std::string_view nul{"\0", 1};
    Disguises forms;   // each string is wiped as a Secret takes it
    forms.push_back(secret.copy());
    forms.emplace_back(base64(value));
    forms.emplace_back(base64(joined(nul, user, nul, value).reveal()));   // RFC 4616
    forms.emplace_back(base64(joined("", user, ":", value).reveal()));    // RFC 7617
    forms.emplace_back(json_escaped(value));
    forms.emplace_back(html_safe_json(value));
    forms.emplace_back(percent_encoded(value, "0123456789ABCDEF"));
    forms.emplace_back(percent_encoded(value, "0123456789abcdef"));
    forms.emplace_back(base::printable(value));

    Disguises unique;
    add_disguises(unique, std::move(forms));
    return unique;
}

void blank(std::string& text, Disguises const& disguises)
{
    constexpr std::string_view stars = "***";
    for (auto const& disguise : disguises) {
        auto const form = disguise.reveal();
        for (auto at = text.find(form); at != std::string::npos; at = text.find(form, at + stars.size())) {
            text.replace(at, form.size(), stars);
        }
    }
}

}   // namespace mailcore::crypto
