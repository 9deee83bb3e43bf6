// The rows of vault-sync.yaml: each key once, with its meaning and how it is written. Defaults stand in settings.hpp.
#pragma once

#include <tuple>

#include "core/config/fields.hpp"
#include "core/config/settings_fields.hpp"
#include "vault-sync/config/checks.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

using namespace std::chrono_literals;
using config::checked_address;
using config::checked_text;
using config::duration;
using config::field;
using config::list_of;
using config::NamedSections;
using config::number;
using config::Of;
using config::one_of;
using config::optional;
using config::required;

// A number whose absence is told apart from 0: the member is -1 then.
struct CountForm {
    using Value = int;
    static constexpr std::string_view noun = "a number";
    config::NumberForm range;
    std::string type() const { return range.type(); }
    base::Result<int> parse(config::Written const& written) const
    {
        return range.parse(written).map([](std::uint64_t count) { return static_cast<int>(count); });
    }
    std::string print(int value) const { return std::to_string(value); }
};

constexpr auto fields(Of<AuthSettings>)
{
    return std::tuple{
        field("method", &AuthSettings::method,
              "How to log in. `token`: a token that is there already; `none`: an agent on the address does it.",
              one_of("approle", "token", "kubernetes", "jwt", "cert", "none").called("method")),
        optional(field("mount", &AuthSettings::mount, "Where the method is mounted, if not under its own name.",
                       checked_text(kMount))),
        field("role_id_file", &AuthSettings::role_id_file, "approle: the file that holds the role id.",
              checked_text(config::kAbsolutePath)),
        field("secret_id_file", &AuthSettings::secret_id_file,
              "approle: the file that holds the secret id, or with `wrapped` the token to unwrap it with.",
              checked_text(config::kAbsolutePath)),
        field("wrapped", &AuthSettings::wrapped,
              "approle: the secret id is response-wrapped; once unwrapped it is kept encrypted beside the cache."),
        field("remove_secret_id_file", &AuthSettings::remove_secret_id_file,
              "approle: remove the file once its content has been kept encrypted."),
        optional(field("token_file", &AuthSettings::token_file,
                       "token: the file that holds it, read anew for each pass; without it VAULT_TOKEN.",
                       checked_text(config::kPathOrOff))),
        optional(
            field("role", &AuthSettings::role,
                  "kubernetes, jwt: the role to log in as. approle: the role's name, to check a wrapped secret id by.",
                  checked_text(config::kSomeText))),
        optional(field("jwt_file", &AuthSettings::jwt_file,
                       "jwt: the file that holds the JWT. kubernetes: if it is not the service account's usual one.",
                       checked_text(config::kPathOrOff))),
        optional(field("name", &AuthSettings::name, "cert: the certificate role; without it Vault tries all.",
                       checked_text(config::kSomeText))),
    };
}

constexpr auto fields(Of<VaultSettings>)
{
    return std::tuple{
        optional(field("address", &VaultSettings::address,
                       "Vault's or OpenBao's address; without it VAULT_ADDR, else https://127.0.0.1:8200.",
                       checked_address(kVaultAddress))),
        optional(field("namespace", &VaultSettings::namespace_, "Namespace; without it VAULT_NAMESPACE.",
                       checked_text(kNamespace))),
        optional(field("ca_cert", &VaultSettings::ca_cert,
                       "PEM file of the authorities that may sign Vault's certificate; without it VAULT_CACERT, else "
                       "the system's.",
                       checked_text(config::kPathOrOff))),
        optional(field("client_cert", &VaultSettings::client_cert, "PEM file of the client certificate.",
                       checked_text(config::kPathOrOff))),
        optional(
            field("client_key", &VaultSettings::client_key, "PEM file of its key.", checked_text(config::kPathOrOff))),
        optional(field("timeout", &VaultSettings::timeout, "Of one request; without it VAULT_CLIENT_TIMEOUT, else 10s.",
                       duration(100ms, 10min))),
        optional(field(
            "retries", &VaultSettings::retries,
            "How often a request that failed for a passing reason is made again; without it VAULT_MAX_RETRIES, else 3.",
            CountForm{number(0, 20)})),
        field("kv_version", &VaultSettings::kv_version, "Version of the key-value engine; auto finds it out.",
              one_of("auto", "1", "2")),
        field("auth", &VaultSettings::auth, "How to log in to Vault."),
    };
}

constexpr auto fields(Of<RelaySettings>)
{
    return std::tuple{
        optional(field("secret", &RelaySettings::secret,
                       "Path of the secret, with or without the data/ of version 2: secret/keybuzz/smtp.",
                       checked_text(kSecretPath))),
        optional(field("mount", &RelaySettings::mount,
                       "The part of `secret` that is the mount, where Vault does not tell.", checked_text(kMount))),
        field("source", &RelaySettings::source,
              "Where the secret is: vault; file:/path, JSON that an agent wrote; env, the SMTP_* variables.",
              checked_text(kSource)),
        field("kind", &RelaySettings::kind,
              "smtp: the secret holds host, port, user, password. ses: it holds access_key, secret_key, region.",
              one_of("smtp", "ses").called("kind")),
        optional(field(
            "preset", &RelaySettings::preset, "A provider whose host, port and rules are known.",
            one_of("gmail", "google-relay", "sendgrid", "ses", "mailgun", "office365", "postmark", "brevo", "sparkpost")
                .called("preset"))),
        field(
            "tls", &RelaySettings::tls,
            "auto: wrapper on 465 and 2465 or with use_ssl; none on 25 or with use_tls false; else STARTTLS, required.",
            one_of("none", "starttls", "wrapper", "auto")),
        optional(field("host", &RelaySettings::host, "Stands instead of the secret's host.", checked_text(kRelayHost))),
        optional(field("port", &RelaySettings::port, "Stands instead of the secret's port.", number(1, 65'535))),
        optional(field(
            "ca_file", &RelaySettings::ca_file,
            "PEM file of the authorities that may sign its certificate; without it the system's. smtp(8) reads it "
            "inside its chroot and as user postfix.",
            checked_text(kCaFile))),
        field("plaintext", &RelaySettings::plaintext, "Whether a password may cross the network without TLS.",
              one_of("refuse", "allow")),
        field("region_check", &RelaySettings::region_check, "off: take any SES region that is well-formed.",
              one_of("on", "off")),
        optional(field(
            "fingerprint", &RelaySettings::fingerprint,
            "sha256:HEX of the certificate or of its public key, colons optional: pins a self-signed relay. Several: "
            "any of them.")),
        optional(field("from", &RelaySettings::from, "verify: the sender of a test message; else the secret's from.",
                       checked_text(kMailAddress))),
        field("timeout", &RelaySettings::timeout, "verify: of a whole session.", duration(1s, 10min)),
        optional(field("helo", &RelaySettings::helo, "verify: the name given at EHLO; else this host's.",
                       checked_text(kHelo))),
    };
}

constexpr auto fields(Of<OutputSettings>)
{
    return std::tuple{
        field("directory", &OutputSettings::directory,
              "Where generations and state lie; main.cf names current/… below it.", checked_text(kPathForPostfix)),
        field("map_type", &OutputSettings::map_type,
              "Type of the indexed maps; auto is Postfix's default_database_type.",
              one_of("auto", "cdb", "lmdb", "hash")),
        field("keep", &OutputSettings::keep, "Generations to keep, the current one included.", number(2, 1000)),
    };
}

constexpr auto fields(Of<PostfixSettings>)
{
    return std::tuple{
        field("config_directory", &PostfixSettings::config_directory, "Of the Postfix instance that is served.",
              checked_text(kPathForPostfix)),
        field("reload", &PostfixSettings::reload,
              "on_change: reload Postfix once after a change. never: the operator must, and is told so.",
              one_of("on_change", "never")),
        field("flush_deferred", &PostfixSettings::flush_deferred,
              "After a change that cures deferred mail, have Postfix try it again at once."),
    };
}

constexpr auto fields(Of<VerifySettings>)
{
    return std::tuple{
        field("before_switch", &VerifySettings::before_switch,
              "Prove a login by a real session before Postfix gets it."),
        field("attempts", &VerifySettings::attempts, "AUTH commands for one value in one run: providers lock accounts.",
              number(1, 10)),
        field("window", &VerifySettings::window, "How long a new SES key is tried again after 535: AWS takes a while.",
              duration(0s, 10min)),
    };
}

constexpr auto fields(Of<CacheSettings>)
{
    return std::tuple{
        field("file", &CacheSettings::file, "The last good secrets, encrypted, for when Vault is away; \"\" = none.",
              checked_text(config::kPathOrOff)),
        field(
            "key", &CacheSettings::key,
            "What it is encrypted with: a systemd credential, a file of 32 bytes in base64, or Vault's transit engine.",
            checked_text(kCacheKey)),
        field("max_age", &CacheSettings::max_age, "Older ones are not used.", duration(1s, 87'840h)),
    };
}

constexpr auto fields(Of<RotationSettings>)
{
    return std::tuple{
        field("smtp", &RotationSettings::smtp, "Age at which an SMTP password is overdue.", duration(1s, 87'840h)),
        field("ses", &RotationSettings::ses, "Age at which an SES key is overdue.", duration(1s, 87'840h)),
        field("warn_before", &RotationSettings::warn_before, "How long before that to warn.", duration(0s, 87'840h)),
    };
}

constexpr auto fields(Of<WatchSettings>)
{
    return std::tuple{
        field("interval", &WatchSettings::interval, "Between two passes.", duration(100ms, 24h)),
        field("jitter", &WatchSettings::jitter, "At most this is added to the interval, by chance.", duration(0s, 24h)),
    };
}

constexpr auto fields(Of<AutoRollbackSettings>)
{
    return std::tuple{
        field("enabled", &AutoRollbackSettings::enabled,
              "Go back when, after a switch, Postfix defers mail because the relay refuses the login (watch only)."),
        field("window", &AutoRollbackSettings::window, "How long after a switch to look.", duration(1s, 24h)),
    };
}

constexpr auto fields(Of<HooksSettings>)
{
    return std::tuple{
        field("on_change", &HooksSettings::on_change,
              "A program and its arguments, run after a switch; the facts as JSON on its standard input, no secret."),
        field("on_failure", &HooksSettings::on_failure, "The same, after a pass that failed."),
        field("on_overdue", &HooksSettings::on_overdue, "The same, when a secret is overdue."),
        field("timeout", &HooksSettings::timeout, "After which the program is killed.", duration(1s, 1h)),
    };
}

constexpr auto fields(Of<SyncMetricsSettings>)
{
    return std::tuple{
        field("textfile", &SyncMetricsSettings::textfile,
              "File for node_exporter's textfile collector, written by every run; \"\" = none.",
              checked_text(config::kPathOrOff)),
        field("listen", &SyncMetricsSettings::listen, "Where watch serves /metrics: inet:host:port; \"\" = off."),
    };
}

constexpr auto fields(Of<Settings>)
{
    return std::tuple{
        field("mode", &Settings::mode,
              "production refuses to start with SMTP_PASSWORD, SMTP_USER or SMTP_USERNAME in the environment.",
              one_of("production", "development").called("mode")),
        field("log", &Settings::log, "vault-sync's own log."),
        field("vault", &Settings::vault,
              "The server that holds the secrets. VAULT_* and BAO_* fill what is not set here."),
        required(field("relays", &Settings::relays, "Servers that take mail for us, by name.",
                       NamedSections{&config::kName})),
        required(field(
            "active", &Settings::active,
            "The relay that takes all mail which no route names; `vault-sync use NAME` changes it, and it survives.",
            checked_text(config::kSomeText))),
        field("fallback", &Settings::fallback, "Relays to try when the active one takes no connection, in this order."),
        field("routes", &Settings::routes, "Envelope sender (address or @domain) to relay.",
              config::map_of(config::any_text())),
        field("transports", &Settings::transports, "Recipient domain to relay; stronger than routes.",
              config::map_of(config::any_text())),
        field("output", &Settings::output, "The maps for Postfix."),
        field("postfix", &Settings::postfix, "The Postfix that is served."),
        field("verify", &Settings::verify, "Proof of a login before it is used."),
        field("cache", &Settings::cache, "What serves while Vault is away."),
        field("environment_fallback", &Settings::environment_fallback,
              "Whether SMTP_* variables stand for the active relay when Vault and cache give nothing."),
        field("rotation", &Settings::rotation, "When a secret is overdue."),
        field("watch", &Settings::watch, "How often vault-sync watch looks."),
        field("auto_rollback", &Settings::auto_rollback,
              "Back to the former generation when the new login fails in use."),
        field("hooks", &Settings::hooks, "Programs to tell."),
        field("audit_log", &Settings::audit_log, "One JSON line for each read of a secret; \"\" = off.",
              checked_text(config::kPathOrOff)),
        field("metrics", &Settings::metrics, "For Prometheus."),
    };
}

}   // namespace mailcore::vault_sync
