// The rows of mailcore.yaml: each key once, with its meaning and how it is written. Defaults stand in settings.hpp.
#pragma once

#include <tuple>

#include "core/config/fields.hpp"
#include "core/config/settings.hpp"

namespace mailcore::config {

using namespace std::chrono_literals;

inline constexpr Check kAbsolutePath{"absolute path", is_absolute_path,
                                     "an absolute path; write one as in /var/lib/mailcore"};
inline constexpr Check kPathOrOff{"absolute path or \"\"", or_empty<is_absolute_path>,
                                  "an absolute path; write one, or \"\" for none"};
inline constexpr Check kHeaderName{"header name", is_header_name,
                                   "a header name; write one as in X-Tenant, without a colon"};
inline constexpr Check kLogTarget{"stderr or absolute path", is_log_target,
                                  "a log target; write stderr or an absolute path"};
inline constexpr Check kMailLog{"journal, absolute path or -", is_mail_log,
                                "a log to read; write journal, an absolute path, or - for standard input"};
inline constexpr Check kLimitStore{
    "lmdb:/path, redis://host:port/db or rediss://…", is_limit_store,
    "a store of limits; write lmdb:/path, redis://host:port/db or rediss://host:port/db"};
inline constexpr Check kLimitFallback{"lmdb:/path", is_lmdb_store,
                                      "a store that counts while Redis is away; write lmdb:/path"};
inline constexpr Check kOutcomeStore{"sqlite:/path", is_outcome_store, "a store of outcomes; write sqlite:/path"};
inline constexpr Check kSocketMode{"octal mode in quotes", is_socket_mode,
                                   "a socket mode; write four octal digits, as in \"0660\""};
inline constexpr Check kUrl{"URL or \"\"", or_empty<is_url>, "a URL; write https://… or http://…, or \"\" for none"};
inline constexpr Check kSomeText{"text", not_empty, "allowed here; it must not be empty"};
inline constexpr Check kReplyText{"ASCII text, at most 300", is_reply_text,
                                  "a reply text; write at most 300 ASCII characters"};
inline constexpr Check kRuleName{"text, at most 64", is_rule_name, "a rule's name; write 1 to 64 characters"};
inline constexpr Check kName{
    "name", is_name, "a name; write letters, digits, \".\", \"_\" and \"-\", at most 64, the first a letter or digit"};
inline constexpr Check kProvider{   // a "|" would part the names of counters
    "name", is_name, "a provider's name; write letters, digits, \".\", \"_\" and \"-\", at most 64, the first a letter or digit"};

constexpr auto fields(Of<LogSettings>)
{
    return std::tuple{
        field("level", &LogSettings::level, "The least severe message to write.",
              one_of("debug", "info", "warning", "error").called("level")),
        field("format", &LogSettings::format, "JSON lines, or text for people.",
              one_of("json", "text").called("format")),
        field("target", &LogSettings::target, "Where the log goes.", checked_text(kLogTarget)),
    };
}

constexpr auto fields(Of<PolicySettings>)
{
    return std::tuple{
        field("listen", &PolicySettings::listen, "Socket to serve: unix:/path, inet:host:port, or systemd."),
        field("metrics", &PolicySettings::metrics, "Where to serve /metrics: inet:host:port; \"\" = off."),
        field("max_clients", &PolicySettings::max_clients, "Connections served at once.", number(1, 1'000'000)),
    };
}

constexpr auto fields(Of<MilterSettings>)
{
    return std::tuple{
        field("listen", &MilterSettings::listen, "Socket to serve: unix:/path or inet:host:port."),
        field("metrics", &MilterSettings::metrics, "Where to serve /metrics: inet:host:port; \"\" = off."),
    };
}

constexpr auto fields(Of<ClaimsSettings>)
{
    return std::tuple{
        field("tenant_headers", &ClaimsSettings::tenant_headers,
              "Headers in which an allowed client may name the tenant; taken out of every message.",
              list_of(checked_text(kHeaderName))),
        field("ticket_headers", &ClaimsSettings::ticket_headers,
              "Headers in which an allowed client may name the ticket; taken out of every message.",
              list_of(checked_text(kHeaderName))),
    };
}

constexpr auto fields(Of<StampSettings>)
{
    return std::tuple{
        field("tenant_header", &StampSettings::tenant_header, "Header that carries the tenant.",
              checked_text(kHeaderName)),
        field("ticket_header", &StampSettings::ticket_header, "Header that carries the ticket, when one is known.",
              checked_text(kHeaderName)),
        field("signature_header", &StampSettings::signature_header, "Header that carries the signature.",
              checked_text(kHeaderName)),
        field("keys_file", &StampSettings::keys_file,
              "Signing keys, made by `mailcorectl stamp key new`; \"\" = stamps are not signed.",
              checked_text(kPathOrOff)),
    };
}

constexpr auto fields(Of<LimitsSettings>)
{
    return std::tuple{
        field("store", &LimitsSettings::store,
              "Where limits and suspensions are kept: lmdb:DIR for one host, Redis for several.",
              checked_address(kLimitStore)),
        field("count_at", &LimitsSettings::count_at, "Which daemon counts a message, once.",
              one_of("milter", "policy")),
        field("fallback", &LimitsSettings::fallback, "Counts while Redis is away.", checked_address(kLimitFallback)),
        field("on_error", &LimitsSettings::on_error, "What happens to mail when the fallback fails too.",
              one_of("pass", "defer")),
        field("timeout", &LimitsSettings::timeout, "Of one round trip to Redis.", duration(1ms, 10s)),
        field("password_file", &LimitsSettings::password_file,
              "Holds the password for Redis; \"\" = the address's, or none.", checked_text(kPathOrOff)),
        field("ca_file", &LimitsSettings::ca_file,
              "Certificates of the authorities to trust for rediss://; \"\" = the system's.", checked_text(kPathOrOff)),
    };
}

constexpr auto fields(Of<WarmupSettings>)
{
    return std::tuple{
        required(field("from", &WarmupSettings::from,
                       "When it begins, as in 2026-11-21 (UTC) or 2026-11-21T08:00:00+01:00; before it `start` counts.",
                       time())),
        required(field("start", &WarmupSettings::start, "The number to begin with, as in 50/1d; the time is that of `per`.",
                       rate())),
        required(field("double_every", &WarmupSettings::double_every, "How long until the number doubles.",
                       duration(1s, 8784h))),
        required(field("until", &WarmupSettings::until, "The number at which growth ends, as in 10000/1d; the limit's own "
                       "number is never exceeded.", rate())),
    };
}

constexpr auto fields(Of<LimitSettings>)
{
    return std::tuple{
        optional(field("messages", &LimitSettings::messages,
                       "Messages in `per`. Exactly one of messages, recipients and bytes.", number(1, 1'000'000'000))),
        optional(field("recipients", &LimitSettings::recipients, "Recipients in `per`.", number(1, 1'000'000'000))),
        optional(field("bytes", &LimitSettings::bytes, "Bytes in `per`.", size(1))),
        required(field("per", &LimitSettings::per, "The time the number is for.", duration(1ms, 8784h))),
        optional(field("burst", &LimitSettings::burst, "How much may come at once; without it the limit's own number.",
                       amount(1))),
        field("action", &LimitSettings::action, "What a sender over the limit is told: try later, or no.",
              one_of("defer", "reject").called("action")),
        field("key", &LimitSettings::key, "What is counted apart.", one_of("tenant", "client", "login", "sender")),
        optional(field("warmup", &LimitSettings::warmup, "A number that grows step by step, for a new sender.")),
    };
}

constexpr auto fields(Of<TicketSettings>)
{
    return std::tuple{
        field("required", &TicketSettings::required, "Refuse a message without a ticket."),
        field("pattern", &TicketSettings::pattern, "What a whole ticket looks like (RE2).", checked_text(kSomeText)),
        field("sources", &TicketSettings::sources, "Where a ticket is looked for, in this order.",
              list_of(one_of("header", "plus", "subject", "references").called("source"))),
        field("subject", &TicketSettings::subject, "Finds the ticket in the subject (RE2, group 1).",
              checked_text(kSomeText)),
        field("references", &TicketSettings::references,
              "Finds the ticket in References and In-Reply-To (RE2, group 1).", checked_text(kSomeText)),
    };
}

constexpr auto fields(Of<RecipientSettings>)
{
    return std::tuple{
        field("allow", &RecipientSettings::allow, "Patterns of recipients that may be written to; empty = anyone."),
        field("deny", &RecipientSettings::deny, "Patterns of recipients that may not; stronger than `allow`."),
    };
}

constexpr auto fields(Of<TenantSettings>)
{
    return std::tuple{
        field("clients", &TenantSettings::clients,
              "Networks the tenant sends from: CIDR, address, !exclusion or $name of `networks`."),
        field("logins", &TenantSettings::logins, "SASL logins of the tenant."),
        field("certificates", &TenantSettings::certificates,
              "sha256:HEX of the public keys of the tenant's client certificates."),
        field("senders", &TenantSettings::senders, "Envelope senders it may use: address, @domain or @.subdomains."),
        field("null_sender", &TenantSettings::null_sender, "Whether it may send bounces (empty envelope sender).",
              one_of("allow", "reject")),
        field("from", &TenantSettings::from, "Whether the header From must be one of `senders`.",
              one_of("enforce", "observe", "off")),
        field("recipients", &TenantSettings::recipients, "Whom it may write to."),
        field("ticket", &TenantSettings::ticket, "How the ticket of a message is found."),
        field("size", &TenantSettings::size, "The largest message, header and body; 0 = any.", size()),
        field("limits", &TenantSettings::limits, "How much it may send."),
        field("mode", &TenantSettings::mode, "Refuse, only log what would be refused, or refuse everything.",
              one_of("enforce", "observe", "suspended").called("mode")),
    };
}

constexpr auto fields(Of<WhenSettings>)
{
    constexpr auto texts = any_of(any_text());
    return std::tuple{
        optional(field("tenant", &WhenSettings::tenant, "Tenant's name.", texts)),
        optional(field("client", &WhenSettings::client, "Client address: CIDR, address or $name.", texts)),
        optional(field("login", &WhenSettings::login, "SASL login.", texts)),
        optional(field("sender", &WhenSettings::sender, "Envelope sender, as in `senders`.", texts)),
        optional(
            field("recipient", &WhenSettings::recipient, "Recipient; at the end of a message any of them.", texts)),
        optional(field("from", &WhenSettings::from, "Address of the header From.", texts)),
        optional(field("helo", &WhenSettings::helo, "Name given at HELO.", texts)),
        optional(field("port", &WhenSettings::port, "Port the client connected to.", any_of(number(1, 65'535)))),
        optional(field("tls", &WhenSettings::tls, "Whether the connection is encrypted.", maybe(boolean()))),
        optional(field("size_over", &WhenSettings::size_over, "The message is larger than this.", maybe(size()))),
        optional(field("not", &WhenSettings::negated, "Holds when what stands in it does not.", maybe(SectionForm{}))),
    };
}

constexpr auto fields(Of<RuleSettings>)
{
    return std::tuple{
        required(field("name", &RuleSettings::name, "Shown in log, metrics and `mailcorectl rules`.",
                       checked_text(kRuleName))),
        optional(field("when", &RuleSettings::when,
                       "Conditions, all of which must hold; a list means any of it. None: always.")),
        required(field("action", &RuleSettings::action,
                       "pass ends the rules (not the limits); hold puts the message into quarantine.",
                       one_of("pass", "reject", "defer", "hold").called("action"))),
        optional(field("text", &RuleSettings::text, "What the sender is told.", checked_text(kReplyText))),
    };
}

constexpr auto fields(Of<WebhookSettings>)
{
    constexpr auto timeout = duration(1ms, 10min);
    return std::tuple{
        field("url", &WebhookSettings::url, "Where outcomes are posted; \"\" = off.", checked_address(kUrl)),
        field("secret_file", &WebhookSettings::secret_file, "Key of the signature X-Mailcore-Signature.",
              checked_text(kAbsolutePath)),
        field("timeout", &WebhookSettings::timeout, "Of one request.", timeout),
        field("retry", &WebhookSettings::retry, "Pauses before the next attempts; after them every minute.",
              list_of(duration(1ms, 24h))),
        field("give_up_after", &WebhookSettings::give_up_after, "An event this old is `failed`.", duration(1ms, 8784h)),
        field("batch", &WebhookSettings::batch, "Events in one request; above 1 they are posted as an array.",
              number(1, 10'000)),
    };
}

constexpr auto fields(Of<AlertSettings>)
{
    return std::tuple{
        field("failure_rate", &AlertSettings::failure_rate, "Part of a tenant's mail that may fail before an alert.",
              percent()),
        field("window", &AlertSettings::window, "The time it is measured over.", duration(1s, 8784h)),
    };
}

constexpr auto fields(Of<OutcomesSettings>)
{
    return std::tuple{
        field("mail_log", &OutcomesSettings::mail_log, "Postfix's log.", checked_text(kMailLog)),
        field("store", &OutcomesSettings::store, "Where outcomes are kept.", checked_text(kOutcomeStore)),
        field("retention", &OutcomesSettings::retention, "How long they are kept.", duration(1s, 87840h)),
        field("metrics", &OutcomesSettings::metrics, "Where to serve /metrics: inet:host:port; \"\" = off."),
        field("providers", &OutcomesSettings::providers, "Relay host pattern to provider name; others are SMTP.",
              map_of(checked_text(kProvider))),
        field("webhook", &OutcomesSettings::webhook, "Tells the application each outcome."),
        field("alert", &OutcomesSettings::alert, "When failures are too many."),
    };
}

constexpr auto fields(Of<Settings>)
{
    return std::tuple{
        field("log", &Settings::log, "The daemons' own log."),
        field("decision_log", &Settings::decision_log, "One JSON line a decision, reopened on reload; \"\" = off.",
              checked_text(kPathOrOff)),
        field("state_directory", &Settings::state_directory, "What must survive a restart, and the control sockets.",
              checked_text(kAbsolutePath)),
        field("networks", &Settings::networks, "Named lists of networks, used as $name: CIDR, address or !exclusion.",
              map_of(list_of(any_text()), &kName)),
        field("socket_mode", &Settings::socket_mode, "Of the unix sockets, set once at start.",
              checked_text(kSocketMode)),
        field("socket_group", &Settings::socket_group, "Group of the unix sockets.", checked_text(kSomeText)),
        field("policy", &Settings::policy, "mailcore-policy."),
        field("milter", &Settings::milter, "mailcore-milter."),
        field("unknown_tenant", &Settings::unknown_tenant, "Mail of which no tenant, or more than one, is known.",
              one_of("reject", "observe")),
        field("on_error", &Settings::on_error,
              "Failures inside a running daemon: mail waits, or goes through unchecked.", one_of("defer", "pass")),
        field("claims", &Settings::claims, "What an allowed client may say about its message."),
        field("stamp", &Settings::stamp, "What the milter puts on each message."),
        field("limits", &Settings::limits, "Where limits are counted."),
        field("include", &Settings::include, "Files with more `tenants`; relative to this file, with * and ?.",
              list_of(checked_text(kSomeText))),
        field("tenants", &Settings::tenants, "Who may send what, by name.", NamedSections{&kName}),
        field("rules", &Settings::rules, "Ordered, first match wins, after the tenant is known."),
        field("outcomes", &Settings::outcomes, "mailcore-outcomes."),
    };
}

}   // namespace mailcore::config
