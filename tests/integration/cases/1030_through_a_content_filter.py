"""What comes of a message behind a content filter is told of the message that came in, with or without XFORWARD

The filter is a second smtpd of the same Postfix."""

from harness.claims import claim, claim_equal
from harness.fates import claim_fate, content_filters
from harness.outcomes import following

CONFIG = "default"


def run(gate):
    with following(gate) as outcomes, content_filters(gate):
        for service in ("filtered", "filtered_told"):
            check(gate, outcomes, service, ticket=f"T-{service}")
        claim_equal(len(outcomes.list()), 6, "outcomes in all: the hand-over to the filter is none")


def check(gate, outcomes, service, ticket):
    gate.sink.answers |= {"bounce@example.com": "550 5.1.1 no such user", "busy@example.com": "451 4.7.1 come again"}
    queue_id = outcomes.send("buyer@example.com", "bounce@example.com", "busy@example.com", ticket=ticket, service=service)
    deferred, = outcomes.receiver.wait_for(queueId=queue_id, status="DEFERRED")
    claim_equal((deferred["recipient"], deferred["dsn"]), ("busy@example.com", "4.7.1"), "what was put off")
    del gate.sink.answers["busy@example.com"]
    claim_fate(outcomes, queue_id, "buyer@example.com", "SENT", ticketId=ticket, reason="250 2.0.0 kept", attempts=1)
    claim_fate(outcomes, queue_id, "busy@example.com", "SENT", ticketId=ticket, reason="250 2.0.0 kept")
    bounced = claim_fate(outcomes, queue_id, "bounce@example.com", "BOUNCED", ticketId=ticket, dsn="5.1.1", attempts=1)
    claim(bounced.get("notificationId"), "the bounce has no notificationId")
    outcomes.wait_for_queue(pending=0, sending=0)
    claim_equal(len(outcomes.receiver.of(ticketId=ticket)), 4, "events of the message")
