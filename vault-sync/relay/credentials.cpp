#include "vault-sync/relay/credentials.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/config/diagnostics.hpp"
#include "core/crypto/certificate_pin.hpp"
#include "core/mail/domain.hpp"
#include "core/net/ip.hpp"
#include "vault-sync/config/checks.hpp"
#include "vault-sync/config/providers.hpp"
#include "vault-sync/relay/fields.hpp"
#include "vault-sync/relay/ses.hpp"

namespace mailcore::vault_sync {
namespace {

using base::fail;
using base::Result;
using config::in_quotes;

constexpr std::uint16_t kSubmission = 587;

bool is_set(base::Secret const* field) { return field != nullptr && !field->empty(); }
bool is_set(std::optional<std::string> const& field) { return field && !field->empty(); }

bool is_wrapper_port(std::uint16_t port) { return port == 465 || port == 2465; }
bool is_starttls_port(std::uint16_t port) { return port == 25 || port == 587 || port == 2525 || port == 2587; }

// Lower case and A-labels, without the brackets that Postfix's maps have.
Result<std::string> host_from(std::string_view written)
{
    auto bare = written;
    if (bare.starts_with('[') && bare.ends_with(']')) bare = bare.substr(1, bare.size() - 2);
    if (auto const address = net::IpAddress::parse(bare)) return address->to_string();
    std::string host;
    mail::append_comparable_domain(host, bare);
    if (mail::is_valid_domain(host)) return host;
    bool const has_port = bare.rfind(':') != std::string_view::npos;
    return fail("the host " + in_quotes(written) + " is no domain name and no address" +
                (has_port ? "; write the port into the field `port`" : ""));
}

Tls written_tls(std::string_view word)
{
    if (word == "none") return Tls::None;
    return word == "wrapper" ? Tls::Wrapper : Tls::StartTls;
}

base::Secret without_spaces(base::Secret const& key)
{
    base::Secret bare;
    bare.reserve(key.size());
    for (char const c : key.reveal()) {
        if (c != ' ') bare.append({&c, 1});
    }
    return bare;
}

// AKIA…: a user's key. ASIA…: a temporary one.
bool is_access_key(std::string_view text)
{
    auto const is_part = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    return text.size() >= 16 && text.size() <= 128 && text.starts_with("AKIA") &&
           std::all_of(text.begin(), text.end(), is_part);
}

// Makes one relay, step by step; the first step that fails ends it.
class Maker {
public:
    Maker(RelaySettings const& settings, SecretRecord const& record)
        : settings_{settings}, record_{record}, preset_{find_preset(is_ses() ? "ses" : settings.preset)}
    {
        auto& relay = made_.relay;
        relay.name = settings.name.value;
        relay.kind = is_ses() ? "ses" : "smtp";
        relay.ca_file = settings.ca_file;
        relay.helo = settings.helo;
        relay.timeout = settings.timeout;
        relay.source = record.source;
        relay.path = record.path;
        relay.version = record.version;
    }

    Result<MadeRelay> make()
    {
        auto given = read_credentials(record_.fields);
        if (!given) return fail(at_place(given.error().message));
        given_ = *std::move(given);
        for (auto const step :
             {&Maker::find_region, &Maker::find_host, &Maker::find_port, &Maker::take_fingerprints, &Maker::find_tls,
              &Maker::find_login, &Maker::check_login, &Maker::check_provider, &Maker::take_sender}) {
            if (auto const done = (this->*step)(); !done) return fail(at_place(done.error().message));
        }
        return std::move(made_);
    }

private:
    bool is_ses() const { return settings_.kind == "ses" || settings_.preset == "ses"; }
    Relay& relay() { return made_.relay; }
    void warn(std::string const& words) { made_.warnings.push_back(at_place(words)); }
    std::string at_place(std::string const& words) const
    {
        auto const place = record_.path.empty() ? "" : " (" + config::shown(record_.path) + ')';
        return "relay " + settings_.name.value + place + ": " + words;
    }
    auto missing(std::string const& field, std::string const& cure) const
    {
        return fail("the field `" + field + "` is missing (" + names_text(record_.fields) + "); " + cure);
    }

    // ---- where

    std::string written_host() const { return !settings_.host.empty() ? settings_.host : given_.host.value_or(""); }

    Result<> find_region()
    {
        if (!is_ses()) return {};
        if (is_set(given_.region)) region_ = *given_.region;
        auto const named = parse_ses_host(base::lower(written_host()));
        if (!named) return check_region(false);
        if (!region_.empty() && region_ != named->region) {
            return fail("the host " + in_quotes(written_host()) + " is of the region " + named->region +
                        ", but the secret is for " + in_quotes(region_) +
                        "; SES passwords work in their own region only");
        }
        region_ = named->region;
        return check_region(named->china);
    }

    Result<> check_region(bool named_by_china)
    {
        if (region_.empty()) {
            if (is_set(given_.secret_key))
                return missing("region", "the password of SES depends on it, as in eu-west-1");
            if (written_host().empty()) return missing("region", "the host of SES depends on it, as in eu-west-1");
            return {};
        }
        if (settings_.region_check == "off") {
            if (is_well_formed_region(region_)) return {};
            return fail(in_quotes(region_) + " is not written like a region; write one as in eu-central-1");
        }
        if (named_by_china) return {};   // not in the table: nobody could try it for us
        auto const complaint = region_complaint(region_);
        if (!complaint.empty()) return fail(complaint);
        return {};
    }

    Result<> find_host()
    {
        auto written = written_host();
        if (written.empty() && is_ses()) written = ses_host(region_);
        if (written.empty() && preset_) written = preset_->hosts.front();
        if (written.empty()) return missing("host", "add it, or say `host` in vault-sync.yaml");
        return host_from(written).and_then([&](std::string host) { return take_host(std::move(host)); });
    }

    Result<> take_host(std::string host)
    {
        if (is_mail_manager_host(host)) {
            return fail("the host " + host + " takes mail in and never sends it on; SES sends by " +
                        ses_host(region_.empty() ? "REGION" : region_));
        }
        if (preset_ && !preset_->knows_host(host)) {
            warn("the host " + host + " is none of " + (is_ses() ? "SES" : "the preset " + std::string{preset_->name}) +
                 ", which has " + hosts_text(*preset_));
        }
        if (auto const warning = warning_for_host(host); !warning.empty()) warn(std::string{warning});
        relay().host = std::move(host);
        return {};
    }

    // Without any: what the kind of TLS says, else submission.
    std::uint16_t usual_port() const
    {
        if (settings_.tls == "wrapper" || given_.use_ssl == true) return 465;
        if (!is_ses() && !preset_ && (settings_.tls == "none" || given_.use_tls == false)) return 25;
        return kSubmission;
    }

    Result<> find_port()
    {
        auto const written = settings_.port != 0 ? static_cast<std::uint16_t>(settings_.port) : given_.port.value_or(0);
        relay().port = written != 0 ? written : usual_port();
        if (preset_ && preset_->knows_host(relay().host) && !preset_->port(relay().port)) {
            warn("port " + std::to_string(relay().port) + " is none that " + std::string{preset_->name} +
                 " is known to serve");
        }
        return {};
    }

    // ---- TLS

    Result<> take_fingerprints()
    {
        for (auto const& written : settings_.fingerprint) {
            auto parsed = crypto::parse_fingerprint(written.value);
            if (!parsed) return fail("fingerprint: " + parsed.error().message);
            relay().fingerprints.push_back(*std::move(parsed));
        }
        return {};
    }

    // The contract's rules for `auto`, the safer one first: use_tls: false cannot undo a pin, nor what SES demands.
    Tls automatic_tls()
    {
        if (is_wrapper_port(relay().port) || given_.use_ssl == true) return Tls::Wrapper;
        if (given_.use_tls == true) return Tls::StartTls;
        if (!relay().fingerprints.empty() || is_ses()) {
            if (given_.use_tls == false) {
                warn(std::string{"`use_tls` is false, but "} + (is_ses() ? "SES" : "a pinned certificate") +
                     " needs TLS: STARTTLS is required");
            }
            return Tls::StartTls;
        }
        return given_.use_tls == false || relay().port == 25 ? Tls::None : Tls::StartTls;
    }

    Result<> find_tls()
    {
        relay().tls = settings_.tls == "auto" ? automatic_tls() : written_tls(settings_.tls);
        warn_of_unusual_tls();
        if (relay().tls == Tls::None && !relay().fingerprints.empty()) {
            return fail(
                "tls: with none there is no certificate that a fingerprint could pin; write auto, starttls or wrapper");
        }
        return {};
    }

    void warn_of_unusual_tls()
    {
        auto const port = "port " + std::to_string(relay().port);
        if (relay().tls == Tls::StartTls && is_wrapper_port(relay().port))
            warn(port + " usually begins with TLS, but tls is starttls");
        if (relay().tls == Tls::Wrapper && is_starttls_port(relay().port)) {
            warn(port + " usually begins without TLS, but " +
                 (settings_.tls == "wrapper" ? "tls is wrapper" : "`use_ssl` is true"));
        }
        if (settings_.tls == "none" && (given_.use_tls == true || given_.use_ssl == true)) {
            warn("the secret asks for TLS, but tls is none in vault-sync.yaml");
        }
    }

    // ---- who

    Result<> find_login() { return is_ses() ? find_ses_login() : find_smtp_login(); }

    Result<> find_smtp_login()
    {
        auto const fixed = preset_ ? preset_->user : std::string_view{};
        relay().user = given_.user.value_or("");
        if (given_.password) relay().password = given_.password->copy();
        if (preset_ && preset_->spaces_in_key) relay().password = without_spaces(relay().password);
        if (preset_ && preset_->token_is_both) share_token();
        if (relay().user.empty() && !relay().password.empty()) relay().user = fixed;
        if (!fixed.empty() && !relay().user.empty() && relay().user != fixed) {
            warn("the user of " + std::string{preset_->name} + " is always `" + std::string{fixed} +
                 "`, but the secret has another");
        }
        return check_login_is_there();
    }

    // Postmark takes one token as user and as password.
    void share_token()
    {
        if (relay().user.empty())
            relay().user = relay().password.reveal();
        else if (relay().password.empty())
            relay().password = base::Secret{std::string_view{relay().user}};
        else if (relay().user != relay().password.reveal())
            warn("Postmark takes the server token as user and as password, but the two differ");
    }

    // A secret that lost its fields must not turn into a relay without login. The environment has no empty variables.
    Result<> check_login_is_there()
    {
        if (record_.source == Source::Environment || !relay().user.empty() || !relay().password.empty()) return {};
        std::string const cure = "for a relay without login store `user` and `password` as empty texts";
        if (!given_.user) return missing("user", cure);
        if (!given_.password) return missing("password", cure);
        return {};
    }

    Result<> find_ses_login()
    {
        relay().user = is_set(given_.access_key) ? *given_.access_key : given_.user.value_or("");
        if (relay().user.empty())
            return missing("access_key", "it is the user of SES; the name of the IAM user is not");
        if (!is_access_key(relay().user)) warn_of_user();
        if (is_set(given_.secret_key)) return derive_password();
        if (!is_set(given_.password)) return missing("secret_key", "SES's password is made from it and the region");
        relay().password = given_.password->copy();
        return {};
    }

    void warn_of_user()
    {
        if (relay().user.starts_with("ASIA"))
            warn("the access key is a temporary one (ASIA…); SES takes the long-lived key of an IAM user only");
        else if (relay().user.starts_with("inp-"))
            warn("the user is one of SES Mail Manager, which takes mail in and never sends it on");
        else
            warn("the access key does not look like one (AKIA…); the name of the IAM user does not log in");
    }

    Result<> derive_password()
    {
        auto const& key = *given_.secret_key;
        if (ses_password_version(key) != SesPasswordVersion::None) {
            return fail(
                "`secret_key` holds an SMTP password, not a secret key; store it as `password`, or the IAM user's "
                "secret access "
                "key as `secret_key`");
        }
        if (key.reveal().find_first_of(" \t") != std::string_view::npos)
            return fail("`secret_key` holds a blank; no secret key does");
        relay().password = ses_password(key, region_);
        return is_set(given_.password) ? compare_with_stored(key, *given_.password) : Result<>{};
    }

    // Both are there: a password that is another region's tells of a mistake that would end as a plain 535.
    Result<> compare_with_stored(base::Secret const& key, base::Secret const& stored)
    {
        if (stored == relay().password) return {};
        if (stored == old_ses_password(key)) {
            warn("the stored password is an old-style (version 2) one; the one derived for " + region_ +
                 " is used instead");
            return {};
        }
        if (auto const other = region_of_password(key, stored)) {
            return fail("the stored password is the one of the region " + *other + ", but the region is " + region_ +
                        "; correct `region`, or remove `password`: it is derived from `secret_key`");
        }
        warn("the stored password does not belong to `secret_key` in " + region_ +
             "; the one derived from the key is used instead");
        return {};
    }

    // ---- is it fit

    Result<> check_login()
    {
        auto const complaint = complaint_of_login(relay().user, relay().password);
        if (!complaint.empty()) return fail(complaint);
        if (relay().tls == Tls::None && !relay().password.empty()) {
            std::string const words =
                "the password would cross the network without TLS, where anybody on the way can read it";
            if (settings_.plaintext != "allow") {
                return fail(
                    words +
                    "; use a port with TLS (587, 465), or write `plaintext: allow` for a network that is yours");
            }
            warn(words + " (plaintext: allow)");
        }
        return {};
    }

    Result<> check_provider()
    {
        if (!preset_) return {};
        if (!preset_->warning.empty() && relay().has_login()) warn(std::string{preset_->warning});
        if (is_ses() && !is_set(given_.secret_key))
            warn_of_ses_password();
        else if (preset_->looks_like_key && relay().has_login() &&
                 !preset_->looks_like_key(relay().password.reveal())) {
            warn("the password does not look like " + std::string{preset_->key} + ", which " +
                 std::string{preset_->name} + " expects");
        }
        return {};
    }

    void warn_of_ses_password()
    {
        auto const password = relay().password.reveal();
        if (ses_password_version(relay().password) == SesPasswordVersion::Two ||
            (password.size() == 44 && password.starts_with('A'))) {
            warn(
                "the stored password is an old-style (version 2) one, made before 2019; derive a new one, or store "
                "`secret_key` and `region`");
        } else if (!find_preset("ses")->looks_like_key(password)) {
            warn(
                "the stored password does not look like one of SES (44 characters that begin with B); is it the secret "
                "access key? Then "
                "store it as `secret_key`");
        }
    }

    Result<> take_sender()
    {
        relay().from = !settings_.from.empty() ? settings_.from : given_.from.value_or("");
        if (!relay().from.empty() && !is_mail_address(relay().from)) {
            warn("the sender `from` " + in_quotes(relay().from) + " is no address");
            relay().from.clear();
        }
        return {};
    }

    RelaySettings const& settings_;
    SecretRecord const& record_;
    Preset const* preset_;   // null: none
    Credentials given_;
    std::string region_;   // ses only; "" when only a host was named
    MadeRelay made_;
};

}   // namespace

Result<MadeRelay> make_relay(RelaySettings const& settings, SecretRecord const& record)
{
    return Maker{settings, record}.make();
}

}   // namespace mailcore::vault_sync
