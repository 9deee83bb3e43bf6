// Every event a daemon can log: its stable name, level, meaning and remedy. docs/events.md is this list.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mailcore::observe {

enum class Level { Debug, Info, Warning, Error };

struct Event {
    std::string_view name;
    Level level;
    std::string_view meaning;
    std::string_view remedy;   // "" = nothing to do
};

namespace events {

inline constexpr Event kStarted{"started", Level::Info, "The daemon serves its socket.", ""};
inline constexpr Event kStopping{"stopping", Level::Info, "The daemon was told to stop and drains.", ""};
inline constexpr Event kStopped{"stopped", Level::Info, "The daemon has answered what it had and ends.", ""};
inline constexpr Event kConfigurationWarning{"configuration_warning", Level::Warning,
    "The configuration loads, but something in it deserves a look.", "Run mailcorectl check and mend what it names."};
inline constexpr Event kRulesReloaded{"rules_reloaded", Level::Info, "A new configuration is in force.", ""};
inline constexpr Event kReloadFailed{"reload_failed", Level::Error,
    "The new configuration has errors; the old rules stay in force.", "Run mailcorectl check, mend what it names, reload."};
inline constexpr Event kRestartNeeded{"restart_needed", Level::Warning,
    "A changed key takes effect only at the next start (sockets, log, state_directory).", "Restart the daemon when it suits."};
inline constexpr Event kUnreadableRequest{"unreadable_request", Level::Warning,
    "A policy client broke the protocol; its connection was closed without a reply.",
    "Check which program connects to policy.listen; only Postfix should."};
inline constexpr Event kTooManyClients{"too_many_clients", Level::Warning,
    "policy.max_clients or the limit of open files is reached; new connections wait.",
    "Raise policy.max_clients and LimitNOFILE, or lower Postfix's process limit."};
inline constexpr Event kOwnFailure{"own_failure", Level::Error,
    "mailcore itself failed on a message; on_error decided (defer unless configured otherwise).",
    "Report it with the fields of this event."};
inline constexpr Event kStrippingFailed{"stripping_failed", Level::Error,
    "Forged headers could not be removed; the message was deferred.",
    "Look for milter_header_checks or another milter that changes the same headers."};
inline constexpr Event kMilterRefused{"milter_refused", Level::Error,
    "The mail server does not offer what the milter needs; its mail is deferred.",
    "Use Postfix 3.4 or later with milter_protocol = 6."};
inline constexpr Event kDecisionLogFailed{"decision_log_failed", Level::Error,
    "A decision line could not be written; it is kept and tried again each second, and mail waits when too many pile up.",
    "Free space on the disk of decision_log, or mend its permissions."};
inline constexpr Event kDecisionLinesLost{"decision_lines_lost", Level::Error,
    "The daemon stopped while decision lines could not be written.", "Free space before the next stop."};
inline constexpr Event kCertificateNoteFailed{"certificate_note_failed", Level::Error,
    "The table through which the policy daemon tells the milter a client certificate cannot be used.",
    "Check space and permissions of state_directory."};
inline constexpr Event kCertificateDigestUnusable{"certificate_digest_unusable", Level::Warning,
    "Postfix sends certificate fingerprints that are no SHA-256; certificates of tenants cannot match.",
    "Set smtpd_tls_fingerprint_digest = sha256 in main.cf."};
inline constexpr Event kControlFailed{"control_failed", Level::Warning,
    "A command on the control socket could not be answered.", "Try again; check the version of mailcorectl."};

std::span<Event const* const> all();

}   // namespace events

std::string_view word(Level level);
std::string events_reference();   // docs/events.md

}   // namespace mailcore::observe
