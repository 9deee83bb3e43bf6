// Every event a program can log: its stable name, level, meaning and remedy. docs/events.md is this list.
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
inline constexpr Event kLimitStoreFailed{"limit_store_failed", Level::Error,
    "Messages cannot be counted: the store of limits failed, and its fallback, too; or the host's table is full, and counts only what it holds. limits.on_error decides. Also where a fallback could not count if it had to. Said once a minute.",
    "Do as the event says; a damaged table is begun anew by itself, a full disk needs space."};
inline constexpr Event kLimitStoreAway{"limit_store_away", Level::Warning,
    "Redis is away; this host counts alone, in limits.fallback. Said once a minute.",
    "See that Redis runs and can be reached; until then each host lets a tenant send as much as its limits say."};
inline constexpr Event kLimitStoreBack{"limit_store_back", Level::Info, "Redis answers again and counts for all hosts.", ""};
inline constexpr Event kLimitStoreHealed{"limit_store_healed", Level::Warning,
    "The host's own table of limits counts again. The event says why: it has room again or could be opened again, and holds what it held; or it was begun anew, since it was damaged or gone, and every tenant has its whole burst.",
    "Nothing where there was no room; else find out who damaged or removed it."};
inline constexpr Event kSuspensionsFailed{"suspensions_failed", Level::Error,
    "A copy of the suspensions cannot be read or written: what an operator suspends or resumes may not reach the other hosts, or not survive a restart. What was known stays in force. Said once a minute.",
    "Do as the event says. With both copies damaged the daemons do not start: see docs/operations.md."};
inline constexpr Event kSuspensionsMended{"suspensions_mended", Level::Warning,
    "A copy of the suspensions can be read and written again, or was damaged, put aside as data.mdb.damaged and written anew from what is known elsewhere.",
    "Look whether mailcorectl tenants shows the suspensions that you know of; find out who damaged the copy."};
inline constexpr Event kLimitReceiptFailed{"limit_receipt_failed", Level::Error,
    "The table through which the policy daemon tells the milter what it counted cannot be used (limits.count_at: policy). Said once a minute.",
    "Check space and permissions of state_directory."};
inline constexpr Event kSuspensionsChanged{"suspensions_changed", Level::Info,
    "An operator has suspended or resumed a tenant, here or on another host.", ""};
inline constexpr Event kControlFailed{"control_failed", Level::Warning,
    "A command on the control socket could not be answered.", "Try again; check the version of mailcorectl."};

// mailcore-outcomes'.
inline constexpr Event kLogUnreadable{"log_unreadable", Level::Error,
    "Postfix's log or the decision log cannot be read; outcomes wait, nothing is lost as long as the log is kept.",
    "Do as the event says; mailcore belongs to group adm to read /var/log/mail.log."};
inline constexpr Event kLogReadable{"log_readable", Level::Info, "The log can be read again.", ""};
inline constexpr Event kLogGap{"log_gap", Level::Warning, "Lines of a log were gone before they were read, or may be.",
    "Keep rotated logs longer, lift the rate limit of journald or rsyslog; outcomes of that time may be missing."};
inline constexpr Event kMessageLost{"message_lost", Level::Warning,
    "The gate let a message pass, and Postfix's log has not shown it for five minutes: its outcome is not known.",
    "Look for the queue id in Postfix's log and in mailq; look for log_gap before it."};
inline constexpr Event kDecisionUnreadable{"decision_unreadable", Level::Warning,
    "A line of the decision log is no decision; the outcome that it began is without tenant and ticket, or not known. Said once a minute.",
    "mailcore_outcomes_unreadable_decisions_total counts them: look for a disk that was full, and for who else writes decision_log."};
inline constexpr Event kOutcomeStoreFailed{"outcome_store_failed", Level::Error,
    "Outcomes could not be stored; the lines are read again, each second. Said once a minute.",
    "Free space, or mend permissions of outcomes.store."};
inline constexpr Event kOutcomeStoreBack{"outcome_store_back", Level::Info, "Outcomes are stored again.", ""};
inline constexpr Event kConfigurationTaken{"configuration_taken", Level::Info, "A reload put the configuration in force.", ""};
inline constexpr Event kWebhookFailing{"webhook_failing", Level::Warning,
    "The application does not take outcomes; they wait and are tried again. Said once a minute.",
    "Look at the receiver of outcomes.webhook.url; mailcorectl queue stats tells how many wait."};
inline constexpr Event kWebhookBack{"webhook_back", Level::Info, "The application takes outcomes again.", ""};

// vault-sync's.
inline constexpr Event kSecretsSwitched{"secrets_switched", Level::Info, "Postfix uses a new generation of maps.", ""};
inline constexpr Event kSecretsUnchanged{"secrets_unchanged", Level::Debug, "A pass found nothing to change.", ""};
inline constexpr Event kSourceServes{"source_serves", Level::Warning,
    "Vault is away; the cache or the environment serves a relay.", "See that Vault is reachable and unsealed."};
inline constexpr Event kVaultAway{"vault_away", Level::Error,
    "Vault is unreachable or sealed and nothing else serves; Postfix keeps what it has.",
    "See that Vault is reachable and unsealed; configure a cache (cache.key)."};
inline constexpr Event kLoginRefused{"vault_login_refused", Level::Error,
    "Vault answered and refused the login, or a wrapped secret id was used by somebody else.",
    "Give vault-sync a new secret id or token; look into Vault's audit log when it speaks of somebody else."};
inline constexpr Event kNoCredentials{"vault_no_credentials", Level::Error,
    "There is nothing to log in to Vault with: a file is missing, empty or open to others.", "Do as the event says."};
inline constexpr Event kSecretNotTaken{"secret_not_taken", Level::Error,
    "A secret is missing, deleted, denied or malformed; Postfix keeps the former one.", "Mend the secret in Vault as the event says."};
inline constexpr Event kProviderRefused{"provider_refused", Level::Error,
    "The provider answered 5xx to the new login; Postfix keeps the former one, and this value is not tried again for an hour.",
    "Put a login that works into Vault."};
inline constexpr Event kProofInconclusive{"proof_inconclusive", Level::Warning,
    "The provider could not be asked (network, TLS, 4xx), so nothing is known of the new login; the former one stays and the next pass tries again.",
    "Look at the provider, the network and the TLS settings of the relay; vault-sync once --force takes it unproved."};
inline constexpr Event kValueHeld{"value_held", Level::Info,
    "Vault still holds the value that a rollback left; it is not taken.", "Put another value into Vault, or run vault-sync once --force."};
inline constexpr Event kSecretWarning{"secret_warning", Level::Warning, "A secret works but deserves a look.", "Do as the event says."};
inline constexpr Event kSecretOverdue{"secret_overdue", Level::Warning, "A secret is older than it should be, or soon will be.", "Rotate it."};
inline constexpr Event kReloadOwed{"reload_owed", Level::Warning,
    "Postfix could not be reloaded after a switch; the next pass makes it up.", "See that Postfix runs; run vault-sync once."};
inline constexpr Event kReloadLeftToOperator{"reload_left_to_operator", Level::Warning,
    "postfix.reload is never, so Postfix still uses the former generation.", "Run postfix reload."};
inline constexpr Event kDeferredFlushed{"deferred_flushed", Level::Info, "Mail deferred for authentication is tried again.", ""};
inline constexpr Event kFlushFailed{"flush_failed", Level::Warning, "Deferred mail could not be listed or flushed.", "Run postqueue -f."};
inline constexpr Event kRolledBack{"rolled_back", Level::Warning,
    "Deliveries were refused for authentication after a switch, so Postfix is back on an older generation; what was left is held.",
    "Put a login that works into Vault."};
inline constexpr Event kRolledBackByHand{"rolled_back_by_hand", Level::Info,
    "An operator went back to an older generation; what was left is held.", ""};
inline constexpr Event kRollbackImpossible{"rollback_impossible", Level::Error,
    "Deliveries are refused for authentication since the last switch, and no older generation's login works.",
    "Put a login that works into Vault."};
inline constexpr Event kSwitchFailed{"switch_failed", Level::Error,
    "A new generation could not be built or switched to; Postfix keeps the former one.", "Mend what the event names; run vault-sync once."};
inline constexpr Event kGenerationDamaged{"generation_damaged", Level::Error,
    "The current generation is not whole, so nothing can be kept from it; the pass makes a new one from the sources.",
    "Find out who changed files below output.directory."};
inline constexpr Event kStateFailed{"state_failed", Level::Error, "What vault-sync remembers could not be read or written.",
    "Check space and permissions of output.directory/state."};
inline constexpr Event kCacheFailed{"cache_failed", Level::Warning, "The cache of last good values cannot be used.",
    "Do as the event says: without it, Vault's absence leaves only what Postfix has."};
inline constexpr Event kAuditFailed{"audit_failed", Level::Error, "A read of a secret could not be written to the audit log.",
    "Check space and permissions of audit_log."};
inline constexpr Event kTokenWarning{"token_warning", Level::Warning, "Something about Vault's token deserves a look.", "Do as the event says."};
inline constexpr Event kHookFailed{"hook_failed", Level::Warning, "A hook could not be run or ended with a failure.", "Run it by hand."};
inline constexpr Event kMetricsFailed{"metrics_failed", Level::Warning, "The metrics could not be written.", "Check metrics.textfile."};

std::span<Event const* const> all();

}   // namespace events

std::string_view word(Level level);
std::string events_reference();   // docs/events.md

}   // namespace mailcore::observe
