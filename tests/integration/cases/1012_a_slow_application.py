"""While the application lets every request hang, the store has all outcomes, and operators see them

It hangs longer than the timeout; when it answers again, each event comes."""

from harness.claims import claim, claim_equal
from harness.outcomes import following
from harness.waiting import wait_until

CONFIG = "default"
MESSAGES, AT_ONCE = 20, 8    # requests under way


def run(gate):
    with following(gate, timeout="2s") as outcomes:
        receiver = outcomes.receiver
        with receiver.hanging():
            for number in range(MESSAGES):
                outcomes.send(f"buyer{number}@example.com", ticket=f"T-{number}")
            outcomes.wait_for(MESSAGES, status="SENT")
            claim_equal(receiver.taken(), [], "events taken meanwhile")
            wait_until(lambda: len(receiver.all()) >= AT_ONCE + 2, "more requests when the first ones have timed out")
            outcomes.wait_for_metric(0, "mailcore_outcomes_behind_bytes", source="mail_log")
            queue = outcomes.queue()
            claim_equal((queue["pending"] + queue["sending"], queue["sent"], queue["failed"]), (MESSAGES, 0, 0), "the webhook's queue")
            claim(queue["sending"] <= 8, f"{queue['sending']} events are under way at once")
        outcomes.wait_for_queue(pending=0, sending=0, sent=MESSAGES, failed=0)
        claim_equal(sorted(event["ticketId"] for event in receiver.taken()), sorted(f"T-{number}" for number in range(MESSAGES)),
                    "tickets told of")
        claim_equal([line["what"] for line in outcomes.events("webhook_failing")],
                    [f"127.0.0.1:{receiver.port}: no whole answer within 2s"], "what is told of it")
