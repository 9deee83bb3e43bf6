// What is known of mail providers before any secret is read: their hosts, ports, fixed users and the look of their keys,
// and where Amazon SES takes SMTP. Plain tables; a wrong line here costs a warning, never mail.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mailcore::vault_sync {

struct ProviderPort {
    std::uint16_t port = 0;
    bool wrapper = false;   // TLS from the first byte; otherwise STARTTLS
};

struct Preset {
    std::string_view name;
    std::span<std::string_view const> hosts;     // the first is the default; none for ses, whose host names its region
    std::span<ProviderPort const> ports;         // the first is the default
    std::string_view user;                       // "" = the account's own
    bool (*looks_like_key)(std::string_view);    // of the password; null = any
    std::string_view key;                        // what a password looks like, in words
    std::string_view warning;                    // what whoever uses it should know; "" = nothing
    bool token_is_both = false;                  // one token is user and password
    bool spaces_in_key = false;                  // shown in groups of letters; the spaces are not part of it

    bool knows_host(std::string_view host) const;
    ProviderPort const* port(std::uint16_t number) const;
};

Preset const* find_preset(std::string_view name);   // null: no such preset
std::string hosts_text(Preset const& preset);      // "a or b", for messages

// smtp-mail.outlook.com and its kin take no password any more, whatever the preset.
std::string_view warning_for_host(std::string_view host);

// ---- Amazon SES

struct SesHost {
    std::string region;
    bool china = false;
};

// email-smtp[-fips].REGION.amazonaws.com, ….api.aws, ….amazonaws.com.cn and VPC endpoints. Nothing for any other host.
std::optional<SesHost> parse_ses_host(std::string_view host);
bool is_mail_manager_host(std::string_view host);        // takes mail in and never sends it on
std::string ses_host(std::string_view region);           // email-smtp.REGION.amazonaws.com
bool is_well_formed_region(std::string_view region);     // eu-central-1, us-gov-west-1
std::span<std::string_view const> ses_regions();         // those with SMTP

// Why this region cannot be used, with the list of those that can; "" when it can.
std::string region_complaint(std::string_view region);

}   // namespace mailcore::vault_sync
