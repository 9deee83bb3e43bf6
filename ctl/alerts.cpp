// Prometheus' rules, with the rate and the window that the configuration names. etc/prometheus/mailcore.rules.yml is what
// this prints for the defaults.

#include <iostream>

#include "core/base/duration.hpp"
#include "core/config/load.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

// RATE is a ratio as in 0.1, PERCENT the same for people, WINDOW a duration as in 1h.
constexpr std::string_view kRules = R"(# Prometheus rules for mailcore, printed by `mailcorectl alerts` with outcomes.alert of the configuration.
# Scrape each daemon's /metrics as job "mailcore"; docs/operations.md shows how.
groups:
  - name: mailcore-outcomes
    rules:
      # At least 10 recipients in the window: a single bounce of a quiet tenant is not an alarm. LOCAL is this host itself: what
      # it takes, and what gate or Postfix refuse before any provider is asked.
      - alert: MailcoreProviderFailing
        expr: |
          sum by (provider) (increase(mailcore_email_failed_total{provider!="LOCAL"}[WINDOW]))
            / (sum by (provider) (increase(mailcore_email_failed_total{provider!="LOCAL"}[WINDOW])) + sum by (provider) (increase(mailcore_email_sent_total{provider!="LOCAL"}[WINDOW])))
            > RATE
          and sum by (provider) (increase(mailcore_email_failed_total{provider!="LOCAL"}[WINDOW])) + sum by (provider) (increase(mailcore_email_sent_total{provider!="LOCAL"}[WINDOW])) >= 10
        labels: {severity: critical}
        annotations:
          summary: "More than PERCENT of the mail through {{ $labels.provider }} fails"
          description: "{{ $value | humanizePercentage }} of the recipients failed in WINDOW. mailcorectl outcomes --status BOUNCED --since WINDOW says why."
      # Refusals count: what the gate refuses in a tenant's name comes from the tenant's own client, login or certificate, for
      # one of its senders. Forged senders have no tenant.
      - alert: MailcoreTenantFailing
        expr: |
          sum by (tenant) (increase(mailcore_email_failed_total[WINDOW]))
            / (sum by (tenant) (increase(mailcore_email_failed_total[WINDOW])) + sum by (tenant) (increase(mailcore_email_sent_total[WINDOW])))
            > RATE
          and sum by (tenant) (increase(mailcore_email_failed_total[WINDOW])) + sum by (tenant) (increase(mailcore_email_sent_total[WINDOW])) >= 10
        labels: {severity: warning}
        annotations:
          summary: "More than PERCENT of the mail of tenant {{ $labels.tenant }} fails"
          description: "{{ $value | humanizePercentage }} of the recipients failed in WINDOW. mailcorectl outcomes --tenant {{ $labels.tenant }} --since WINDOW says why: with --status BOUNCED what other servers said, with --status REJECTED what was refused on this host."
      - alert: MailcoreOutcomesLag
        expr: mailcore_outcomes_lag_seconds > 300
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "Outcomes are {{ $value | humanizeDuration }} behind {{ $labels.source }}"
          description: "mailcore-outcomes reads more slowly than the log grows, or cannot store what it reads."
      - alert: MailcoreLogUnreadable
        expr: mailcore_outcomes_log_readable == 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.source }} cannot be read"
          description: "Outcomes wait. The event log_unreadable says why; mailcore belongs to group adm."
      - alert: MailcoreOutcomesLost
        expr: increase(mailcore_outcomes_lost_total[15m]) > 0 or increase(mailcore_outcomes_gaps_total[15m]) > 0 or increase(mailcore_outcomes_unreadable_decisions_total[15m]) > 0
        labels: {severity: warning}
        annotations:
          summary: "Mail has been lost from sight"
          description: "The milter let messages pass that Postfix's log never showed, log lines were gone before they were read, or a line of the decision log was no decision: the events message_lost, log_gap and decision_unreadable say which; look for rate limits of journald or syslog."
      - alert: MailcoreOutcomesNotStored
        expr: mailcore_outcomes_store_up == 0
        for: 2m
        labels: {severity: critical}
        annotations:
          summary: "Outcomes cannot be stored"
          description: "The event outcome_store_failed says why; most likely the disk is full."
  - name: mailcore-webhook
    rules:
      - alert: MailcoreWebhookBacklog
        expr: mailcore_webhook_oldest_pending_seconds > 300
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "Outcomes have waited {{ $value | humanizeDuration }} for the application"
          description: "The receiver of outcomes.webhook.url does not take them. mailcorectl queue stats."
      - alert: MailcoreWebhookGivenUp
        expr: mailcore_webhook_events{state="failed"} > 0
        labels: {severity: critical}
        annotations:
          summary: "{{ $value }} outcomes were given up"
          description: "mailcorectl queue failed shows them, mailcorectl queue retry sends them again, until outcomes.retention deletes them with their messages."
  - name: mailcore-limits
    rules:
      - alert: MailcoreLimitStoreDown
        expr: mailcore_limit_store_up == 0 and mailcore_limit_on_fallback == 0
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "Messages are not counted on {{ $labels.instance }}"
          description: "The store of limits fails, and with Redis its fallback, too, or its table is full and what is new is not counted; limits.on_error decides. The event limit_store_failed says why."
      - alert: MailcoreLimitsOnFallback
        expr: mailcore_limit_on_fallback == 1
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.instance }} counts alone: Redis is away"
          description: "Until it is back each host lets a tenant send as much as its limits say."
      - alert: MailcoreLimitFallbackDown
        expr: mailcore_limit_fallback_up == 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.instance }} could not count all without Redis"
          description: "limits.fallback fails or is full. The event limit_store_failed says why."
      # The shared copy cannot be read while Redis is away either, which is told above.
      - alert: MailcoreSuspensionsCopyDown
        expr: mailcore_suspensions_copy_up{copy="host"} == 0 or (mailcore_suspensions_copy_up{copy="shared"} == 0 unless on(instance) mailcore_limit_store_up == 0)
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "The {{ $labels.copy }} copy of the suspensions cannot be read or written on {{ $labels.instance }}"
          description: "What an operator suspends or resumes may not reach all hosts, or not survive a restart. The event suspensions_failed says why; with both copies damaged no daemon starts."
  - name: mailcore-secrets
    rules:
      - alert: MailcoreSecretOverdue
        expr: mailcore_vault_sync_secret_overdue == 1
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: "The login of relay {{ $labels.relay }} is older than it should be"
          description: "Rotate it; vault-sync takes the new one by itself."
  - name: mailcore-daemons
    rules:
      - alert: MailcoreDaemonDown
        expr: up{job="mailcore"} == 0
        for: 2m
        labels: {severity: critical}
        annotations:
          summary: "A daemon of mailcore is down: {{ $labels.instance }}"
          description: "While the policy daemon or the milter is down, mail waits."
      - alert: MailcorePolicyAbsent
        expr: absent(mailcore_build_info{daemon="mailcore-policy"})
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "No mailcore-policy is scraped"
          description: "It is down, or missing from Prometheus' job mailcore."
      - alert: MailcoreMilterAbsent
        expr: absent(mailcore_build_info{daemon="mailcore-milter"})
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "No mailcore-milter is scraped"
          description: "It is down, or missing from Prometheus' job mailcore."
      - alert: MailcoreOutcomesAbsent
        expr: absent(mailcore_build_info{daemon="mailcore-outcomes"})
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "No mailcore-outcomes is scraped"
          description: "It is down, or missing from Prometheus' job mailcore."
)";

std::string replaced(std::string text, std::string_view word, std::string_view by)
{
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) text.replace(at, word.size(), by);
    return text;
}

// 0.1 as "0.1", 0.125 as "0.125".
std::string short_number(double number)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", number);
    return text;
}

}   // namespace

int alerts(Common const& common)
{
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    if (problems.has_errors()) {
        std::cerr << problems.text();
        return 78;
    }
    auto const& alert = settings.outcomes.alert;
    auto rules = replaced(std::string{kRules}, "WINDOW", base::format_duration(alert.window));
    rules = replaced(std::move(rules), "PERCENT", short_number(alert.failure_rate * 100) + " %");
    std::cout << replaced(std::move(rules), "RATE", short_number(alert.failure_rate));
    return 0;
}

}   // namespace mailcore::ctl
