#include "core/observe/events.hpp"

#include <array>

namespace mailcore::observe {
namespace events {

std::span<Event const* const> all()
{
    static constexpr std::array kAll{
        &kStarted, &kStopping, &kStopped, &kConfigurationWarning, &kRulesReloaded, &kReloadFailed, &kRestartNeeded,
        &kUnreadableRequest, &kTooManyClients, &kOwnFailure, &kStrippingFailed, &kMilterRefused, &kDecisionLogFailed,
        &kDecisionLinesLost, &kCertificateNoteFailed, &kCertificateDigestUnusable, &kLimitStoreFailed,
        &kLimitStoreAway, &kLimitStoreBack, &kLimitStoreHealed, &kLimitReceiptFailed, &kSuspensionsChanged, &kSuspensionsFailed, &kSuspensionsMended, &kControlFailed,
        &kSecretsSwitched, &kSecretsUnchanged, &kSourceServes, &kVaultAway, &kLoginRefused, &kNoCredentials, &kSecretNotTaken,
        &kProviderRefused, &kProofInconclusive, &kValueHeld, &kSecretWarning, &kSecretOverdue, &kReloadOwed,
        &kReloadLeftToOperator, &kDeferredFlushed, &kFlushFailed, &kRolledBack, &kRolledBackByHand, &kRollbackImpossible, &kSwitchFailed,
        &kGenerationDamaged, &kStateFailed, &kCacheFailed, &kAuditFailed, &kTokenWarning, &kHookFailed, &kMetricsFailed,
        &kLogUnreadable, &kLogReadable, &kLogGap, &kMessageLost, &kDecisionUnreadable, &kOutcomeStoreFailed, &kOutcomeStoreBack, &kConfigurationTaken, &kWebhookFailing, &kWebhookBack};
    return kAll;
}

}   // namespace events

std::string_view word(Level level)
{
    switch (level) {
        case Level::Debug: return "debug";
        case Level::Info: return "info";
        case Level::Warning: return "warning";
        case Level::Error: return "error";
    }
    return "";
}

std::string events_reference()
{
    std::string page = "# Events\n\nWhat the daemons log, by its `event` field. This page is written by "
                       "`mailcorectl reference events`; a test compares them.\n\n"
                       "| event | level | meaning | what to do |\n| --- | --- | --- | --- |\n";
    for (auto const* event : events::all()) {
        page += "| `" + std::string{event->name} + "` | " + std::string{word(event->level)} + " | " +
                std::string{event->meaning} + " | " + std::string{event->remedy.empty() ? "Nothing." : event->remedy} + " |\n";
    }
    return page;
}

}   // namespace mailcore::observe
