"""What Postfix gives up on after maximal_queue_lifetime is EXPIRED, with the last reason and the notice's queue id"""

from harness.claims import claim
from harness.fates import claim_fate, settings
from harness.outcomes import following

CONFIG = "default"


def run(gate):
    with following(gate) as outcomes, settings(gate, maximal_queue_lifetime="2s", bounce_queue_lifetime="1d"):
        gate.sink.answers["late@example.com"] = "451 4.7.1 come again"
        queue_id = outcomes.send("late@example.com", "buyer@example.com", ticket="T-late")
        shown = claim_fate(outcomes, queue_id, "late@example.com", "EXPIRED", ticketId="T-late", dsn="4.7.1")
        claim("451 4.7.1 come again" in shown["reason"], f"the reason is {shown['reason']!r}")
        outcomes.wait_for(queueId=queue_id, recipient="buyer@example.com", status="SENT")
        notice, = gate.sink.wait_for("amazon@inbound.keybuzz.io").values("Message-ID")
        claim(shown.get("notificationId") and shown["notificationId"] in notice, f"notificationId {shown.get('notificationId')!r}, notice {notice}")
        outcomes.receiver.claim_told(("late@example.com", "DEFERRED"), ("late@example.com", "EXPIRED"), recipient="late@example.com")
        outcomes.wait_for_metric(1, "mailcore_email_failed_total", provider="SES", tenant="kbz_test")
