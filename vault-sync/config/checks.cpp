#include "vault-sync/config/checks.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/config/encoding.hpp"
#include "core/mail/address_pattern.hpp"
#include "core/mail/domain.hpp"
#include "core/net/ip.hpp"

namespace mailcore::vault_sync {
namespace {

bool has_blank_or_control(std::string_view text)
{
    return text.find_first_of(" \t") != std::string_view::npos || config::find_control(text) != std::string_view::npos;
}

// What stands between the slashes of an URL: nothing that would end it, and no way up.
bool is_path_of_url(std::string_view text)
{
    auto const parts = base::split(text, '/');
    return !has_blank_or_control(text) && text.find_first_of("?#%\\") == std::string_view::npos &&
           std::all_of(parts.begin(), parts.end(),
                       [](std::string_view part) { return !part.empty() && part != "." && part != ".."; });
}

bool is_rest_behind(std::string_view text, std::string_view prefix, bool (*accepts)(std::string_view))
{
    return text.starts_with(prefix) && accepts(text.substr(prefix.size()));
}

}   // namespace

bool is_vault_address(std::string_view text)
{
    return config::is_url(text) || is_rest_behind(text, "unix:", config::is_absolute_path);
}

bool is_secret_path(std::string_view text) { return text.find('/') != std::string_view::npos && is_path_of_url(text); }

bool is_mount(std::string_view text) { return is_path_of_url(text); }

bool is_namespace(std::string_view text)
{
    if (text.ends_with('/')) text.remove_suffix(1);
    return is_path_of_url(text);
}

bool is_source(std::string_view text)
{
    return text == "vault" || text == "env" || is_rest_behind(text, "file:", config::is_absolute_path);
}

bool is_relay_host(std::string_view text)
{
    if (text.find_first_of("[]") != std::string_view::npos) return false;
    if (net::IpAddress::parse(text))
        return text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
    std::string comparable;
    mail::append_comparable_domain(comparable, text);
    return mail::is_valid_domain(comparable);
}

bool is_cache_key(std::string_view text)
{
    return is_rest_behind(text, "credential:", config::is_name) ||
           is_rest_behind(text, "file:", config::is_absolute_path) || is_rest_behind(text, "transit:", config::is_name);
}

bool is_path_for_postfix(std::string_view text)
{
    return config::is_absolute_path(text) && !has_blank_or_control(text) &&
           text.find_first_of(",:${}\"'") == std::string_view::npos;
}

bool is_mail_address(std::string_view text)
{
    auto const pattern = mail::AddressPattern::parse(text);
    return pattern && pattern->kind == mail::AddressPattern::Kind::Mailbox && !has_blank_or_control(text);
}

bool is_helo(std::string_view text) { return mail::is_valid_domain(text); }

}   // namespace mailcore::vault_sync
