"""A message held and released is sent; one put back by postsuper -r keeps its id and ticket; a deleted one is DELETED"""

from harness.claims import claim_equal
from harness.fates import claim_fate, flush, postsuper
from harness.outcomes import following
from harness.waiting import wait_until

CONFIG = "default"
BUSY = "451 4.7.1 come again"


def run(gate):
    with following(gate) as outcomes:
        gate.sink.answers |= {f"{name}@example.com": BUSY for name in ("held", "requeued", "deleted")}
        ids = {name: outcomes.send(f"{name}@example.com", ticket=f"T-{name}") for name in ("held", "requeued", "deleted")}
        outcomes.receiver.wait_for(3, status="DEFERRED")
        postsuper(gate, "-h", ids["held"])
        postsuper(gate, "-d", ids["deleted"])
        postsuper(gate, "-r", ids["requeued"])
        wait_until(lambda: gate.postfix.held_messages() == [ids["held"]], "the message to be held")
        claim_fate(outcomes, ids["deleted"], "deleted@example.com", "DELETED", ticketId="T-deleted", dsn="4.7.1")
        gate.sink.answers.clear()
        flush(gate)
        claim_fate(outcomes, ids["requeued"], "requeued@example.com", "SENT", ticketId="T-requeued")
        claim_equal(outcomes.wait_for_one(queueId=ids["held"])["status"], "DEFERRED", "status of the message held")
        postsuper(gate, "-H", ids["held"])
        flush(gate)
        claim_fate(outcomes, ids["held"], "held@example.com", "SENT", ticketId="T-held")
        claim_equal(len(outcomes.list()), 3, "outcomes in all")
        outcomes.wait_for_queue(pending=0, sending=0, sent=6)
        outcomes.wait_for_metric(2, "mailcore_email_sent_total", tenant="kbz_test")
        outcomes.wait_for_metric(0, "mailcore_email_failed_total", tenant="kbz_test")
        outcomes.wait_for_metric(0, "mailcore_email_queue_depth")
