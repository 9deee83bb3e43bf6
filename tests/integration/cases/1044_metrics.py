"""The metrics have the right numbers by provider and tenant, go on after a restart, and a message lost from sight is counted"""

import datetime
import json

from harness.claims import claim
from harness.outcomes import following

CONFIG = "default"
SHOP = {"client": "10.0.1.1", "sender": "sales@shop.example"}


def run(gate):
    with following(gate) as outcomes:
        gate.sink.answers |= {"bounce@example.com": "550 5.1.1 no such user", "busy@example.com": "451 4.7.1 come again"}
        outcomes.send("a@example.com", "b@example.com", "bounce@example.com")
        outcomes.send("c@example.com", **SHOP)
        outcomes.try_to_send("x@blocked.example", **SHOP)
        outcomes.send("busy@example.com", **SHOP)
        outcomes.wait_for_metric(1, "mailcore_email_queue_depth", provider="SES", tenant="shop")
        lose_one(gate)
        outcomes.stop()      # a loss is looked for at a start, and once a minute
        outcomes.start()
        check(outcomes, depth=1)
        gate.sink.answers.clear()
        outcomes.wait_for(status="SENT", recipient="busy@example.com")
        check(outcomes, depth=0)


def lose_one(gate):
    """The gate let it pass ten minutes ago, and Postfix's log has never shown it."""
    last = json.loads(gate.decisions.tail(1))
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
    lost = last | {"time": then.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "daemon": "milter", "state": "END-OF-MESSAGE", "tenant": "kbz_test",
                   "queue_id": "4jLostLostz8lWc", "message_id": "<lost@keybuzz.io>", "recipient": "lost@example.com", "action": "pass",
                   "reason": "ok", "reply": ""}
    with open(gate.decisions.path, "a") as log:
        log.write(json.dumps(lost) + "\n")


def check(outcomes, depth):
    sent_by_shop = 2 - depth
    outcomes.wait_for_metric(depth, "mailcore_email_queue_depth", provider="SES", tenant="shop")
    outcomes.wait_for_metric(1, "mailcore_outcomes_lost_total")
    outcomes.wait_for_queue(pending=0, sending=0)
    expected = [
        (2, "mailcore_email_sent_total", {"provider": "SES", "tenant": "kbz_test"}),
        (sent_by_shop, "mailcore_email_sent_total", {"provider": "SES", "tenant": "shop"}),
        (1, "mailcore_email_failed_total", {"provider": "SES", "tenant": "kbz_test"}),
        (1, "mailcore_email_failed_total", {"provider": "LOCAL", "tenant": "shop"}),
        (2 + sent_by_shop, "mailcore_email_send_duration_seconds_count", {"provider": "SES"}),
        (2 + sent_by_shop, "mailcore_email_send_duration_seconds_bucket", {"provider": "SES", "le": "+Inf"}),
        (7 - depth, "mailcore_webhook_events", {"state": "sent"}),
        (0, "mailcore_webhook_events", {"state": "failed"}),
        (0, "mailcore_outcomes_gaps_total", {}),
        (0, "mailcore_outcomes_behind_bytes", {}),
        (0, "mailcore_outcomes_lag_seconds", {}),
        (0, "mailcore_outcomes_store_failures_total", {}),
        (1, "mailcore_outcomes_log_readable", {"source": "mail_log"}),
        (1, "mailcore_outcomes_log_readable", {"source": "decision_log"}),
        (outcomes.decision_log.read_bytes().count(b"\n"), "mailcore_outcomes_lines_total", {"source": "decision_log"}),
    ]
    for number, name, labels in expected:
        outcomes.wait_for_metric(number, name, **labels)
    claim(outcomes.metric("mailcore_email_deferred_total", provider="SES", tenant="shop") >= 1, "no attempt put off is counted")
