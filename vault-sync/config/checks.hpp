// Conditions that texts of vault-sync.yaml must meet, for the rows in settings_fields.hpp.
#pragma once

#include <string_view>

#include "core/config/forms.hpp"

namespace mailcore::vault_sync {

bool is_vault_address(std::string_view text);      // https://, http:// or unix:/path
bool is_secret_path(std::string_view text);        // secret/keybuzz/smtp
bool is_mount(std::string_view text);              // secret, kv/team
bool is_source(std::string_view text);             // vault, env or file:/path
bool is_relay_host(std::string_view text);         // a domain name, or an address without brackets
bool is_cache_key(std::string_view text);          // credential:NAME, file:/path or transit:KEY
bool is_path_for_postfix(std::string_view text);   // absolute, without what ends a word in main.cf and in a policy
bool is_namespace(std::string_view text);
bool is_mail_address(std::string_view text);
bool is_helo(std::string_view text);

inline constexpr config::Check kVaultAddress{
    "URL or \"\"", config::or_empty<is_vault_address>,
    "an address of Vault; write https://host:8200, http://… or unix:/path, or \"\" for VAULT_ADDR"};
inline constexpr config::Check kSecretPath{"path in Vault", is_secret_path,
                                           "a path in Vault; write mount and path, as in secret/keybuzz/smtp"};
inline constexpr config::Check kMount{"path or \"\"", config::or_empty<is_mount>,
                                      "a mount; write its path without slashes at the ends, as in secret or kv/team"};
inline constexpr config::Check kNamespace{"path or \"\"", config::or_empty<is_namespace>,
                                          "a namespace; write its path, as in team/mail, or \"\" for none"};
inline constexpr config::Check kSource{"vault, env or file:/path", is_source,
                                       "a source; write vault, file:/path (JSON that an agent wrote) or env"};
inline constexpr config::Check kRelayHost{
    "host or \"\"", config::or_empty<is_relay_host>,
    "a host; write a domain name, or an IP address without brackets, and the port in `port`"};
inline constexpr config::Check kCacheKey{"credential:NAME, file:/path or transit:KEY", is_cache_key,
                                         "a key; write credential:NAME, file:/path or transit:KEY"};
inline constexpr config::Check kPathForPostfix{
    "absolute path", is_path_for_postfix,
    "a path that Postfix can name; write an absolute one without blanks, commas, colons and $"};
inline constexpr config::Check kCaFile{"absolute path or \"\"", config::or_empty<is_path_for_postfix>,
                                       kPathForPostfix.cure};
inline constexpr config::Check kMailAddress{"address or \"\"", config::or_empty<is_mail_address>,
                                            "an address; write one as in mail@example.org"};
inline constexpr config::Check kHelo{"domain or \"\"", config::or_empty<is_helo>,
                                     "a name for EHLO; write a domain name, as in mail.example.org"};

}   // namespace mailcore::vault_sync
