#include "vault-sync/config/providers.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"

namespace mailcore::vault_sync {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_small(base::to_lower(c)); }
bool is_hex(char c) { return is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'f'); }

bool is_sendgrid_key(std::string_view text) { return text.starts_with("SG."); }

bool is_app_password(std::string_view text)
{
    return text.size() == 16 && std::all_of(text.begin(), text.end(), is_letter);
}

// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text)
{
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

bool is_ses_password(std::string_view text) { return text.size() == 44 && text.starts_with('B'); }

constexpr std::array<std::string_view, 1> kGmail{"smtp.gmail.com"};
constexpr std::array<std::string_view, 1> kGoogleRelay{"smtp-relay.gmail.com"};
constexpr std::array<std::string_view, 2> kSendgrid{"smtp.sendgrid.net", "smtp.eu.sendgrid.net"};
constexpr std::array<std::string_view, 2> kMailgun{"smtp.mailgun.org", "smtp.eu.mailgun.org"};
constexpr std::array<std::string_view, 2> kOffice{"smtp.office365.com", "smtp-mail.outlook.com"};
constexpr std::array<std::string_view, 2> kPostmark{"smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com"};
constexpr std::array<std::string_view, 1> kBrevo{"smtp-relay.brevo.com"};
constexpr std::array<std::string_view, 2> kSparkpost{"smtp.sparkpostmail.com", "smtp.eu.sparkpostmail.com"};

constexpr std::array<ProviderPort, 2> k587And465{{{587}, {465, true}}};
constexpr std::array<ProviderPort, 3> k25Too{{{587}, {25}, {465, true}}};
constexpr std::array<ProviderPort, 4> kAll{{{587}, {25}, {2525}, {465, true}}};
constexpr std::array<ProviderPort, 3> kNoWrapper{{{587}, {25}, {2525}}};
constexpr std::array<ProviderPort, 3> k2525And465{{{587}, {2525}, {465, true}}};
constexpr std::array<ProviderPort, 2> k2525{{{587}, {2525}}};
constexpr std::array<ProviderPort, 1> k587{{{587}}};
constexpr std::array<ProviderPort, 5> kSes{{{587}, {25}, {2587}, {465, true}, {2465, true}}};

// Sources: the providers' own pages, as they stood in November 2026.
Preset const kPresets[] = {
    {"gmail", kGmail, k587And465, "", is_app_password,
     "an app password of 16 letters (myaccount.google.com/apppasswords)", "", false, true},
    {"google-relay", kGoogleRelay, k25Too, "", nullptr, "",
     "smtp-relay.gmail.com wants a real domain name at EHLO: set `helo`, and smtp_helo_name in main.cf"},
    {"sendgrid", kSendgrid, kAll, "apikey", is_sendgrid_key, "an API key that begins with SG.", ""},
    {"ses", {}, kSes, "", is_ses_password, "44 characters that begin with B", ""},
    {"mailgun", kMailgun, kAll, "", nullptr, "", ""},
    {"office365", kOffice, k587, "", nullptr, "",
     "Microsoft is ending SMTP logins with a password: off by default from the end of December 2026"},
    {"postmark", kPostmark, kNoWrapper, "", is_uuid, "a server token, which is a UUID", "", true},
    {"brevo", kBrevo, k2525And465, "", nullptr, "", ""},
    {"sparkpost", kSparkpost, k2525, "SMTP_Injection", nullptr, "", ""},
};

// As AWS names them on the page of its SMTP credentials; the sample list and the SDKs agree.
constexpr std::array<std::string_view, 19> kSesRegions{
    "us-east-1",      "us-east-2",      "us-west-1",      "us-west-2",      "ca-central-1",
    "sa-east-1",      "eu-west-1",      "eu-west-2",      "eu-west-3",      "eu-central-1",
    "eu-north-1",     "ap-south-1",     "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-southeast-1", "ap-southeast-2", "us-gov-west-1",  "us-gov-east-1",
};

struct RegionWithoutSmtp {
    std::string_view region, place;
};
constexpr std::array<RegionWithoutSmtp, 5> kRegionsWithoutSmtp{{{"af-south-1", "Cape Town"},
                                                                {"ap-southeast-3", "Jakarta"},
                                                                {"eu-south-1", "Milan"},
                                                                {"il-central-1", "Tel Aviv"},
                                                                {"me-south-1", "Bahrain"}}};

std::string_view without_suffix(std::string_view text, std::string_view suffix)
{
    return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : std::string_view{};
}

std::string regions_text() { return "regions with SMTP: " + base::join(kSesRegions, ", "); }

}   // namespace

bool Preset::knows_host(std::string_view host) const
{
    if (name == "ses") return parse_ses_host(host).has_value();
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

ProviderPort const* Preset::port(std::uint16_t number) const
{
    auto const found = std::find_if(ports.begin(), ports.end(), [&](auto const& port) { return port.port == number; });
    return found == ports.end() ? nullptr : &*found;
}

Preset const* find_preset(std::string_view name)
{
    auto const found =
        std::find_if(std::begin(kPresets), std::end(kPresets), [&](auto const& preset) { return preset.name == name; });
    return found == std::end(kPresets) ? nullptr : &*found;
}

std::string hosts_text(Preset const& preset)
{
    return preset.hosts.empty() ? "email-smtp.REGION.amazonaws.com" : base::join(preset.hosts, " or ");
}

std::string_view warning_for_host(std::string_view host)
{
    if (host != "smtp-mail.outlook.com") return "";
    return "smtp-mail.outlook.com takes no password since September 2024, only OAuth";
}

std::optional<SesHost> parse_ses_host(std::string_view host)
{
    constexpr std::array<std::string_view, 4> ends{".vpce.amazonaws.com", ".amazonaws.com.cn", ".amazonaws.com",
                                                   ".api.aws"};
    for (auto const end : ends) {
        auto rest = without_suffix(host, end);
        if (rest.empty()) continue;
        auto const dot = rest.rfind('.');
        if (dot == std::string_view::npos) return std::nullopt;
        auto const region = rest.substr(dot + 1);
        auto const service = rest.substr(0, dot);
        bool const is_vpce = end == ".vpce.amazonaws.com";
        bool const is_smtp = is_vpce ? service.ends_with("email-smtp") || service.ends_with("email-smtp-fips")
                                     : service == "email-smtp" || service == "email-smtp-fips";
        if (!is_smtp || !is_well_formed_region(region)) return std::nullopt;
        return SesHost{std::string{region}, end == ".amazonaws.com.cn"};
    }
    return std::nullopt;
}

bool is_mail_manager_host(std::string_view host)
{
    return host.find("mail-manager-smtp.") != std::string_view::npos && host.ends_with(".amazonaws.com");
}

std::string ses_host(std::string_view region)
{
    return "email-smtp." + std::string{region} + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

bool is_well_formed_region(std::string_view region)
{
    auto const words = base::split(region, '-');
    if (words.size() < 3 || region.size() > 40) return false;
    auto const is_word = [](std::string_view word) {
        return word.size() >= 2 && std::all_of(word.begin(), word.end(), is_small);
    };
    auto const number = words.back();
    return std::all_of(words.begin(), words.end() - 1, is_word) && !number.empty() && number.size() <= 2 &&
           std::all_of(number.begin(), number.end(), is_digit);
}

std::span<std::string_view const> ses_regions() { return kSesRegions; }

std::string region_complaint(std::string_view region)
{
    if (std::find(kSesRegions.begin(), kSesRegions.end(), region) != kSesRegions.end()) return "";
    auto const named = "\"" + base::printable(region.substr(0, 40)) + "\"";
    for (auto const& without : kRegionsWithoutSmtp) {
        if (without.region != region) continue;
        return "SES has no SMTP endpoint in the region " + named + " (" + std::string{without.place} + "); " +
               regions_text();
    }
    auto const near = base::nearest(base::lower(region), kSesRegions);
    auto const hint = near.empty() ? "" : "did you mean \"" + std::string{near} + "\"? ";
    return named + " is no region where SES is known to have SMTP; " + hint + '(' + regions_text() +
           "; `region_check: off` takes any)";
}

}   // namespace mailcore::vault_sync
