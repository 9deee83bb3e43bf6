"""What another milter refuses after the gate let it pass is told once, as REJECTED; what it puts off is nothing yet"""

from harness.claims import claim, claim_equal
from harness.fates import beside_another_milter, claim_fate
from harness.outcomes import following, queue_id_of

CONFIG = "default"
SPAM = "554 5.7.1 this looks like spam"
BUSY = "451 4.7.1 the filter is busy"
WHO = ["one@example.com", "two@example.com"]


def run(gate):
    with following(gate) as outcomes, beside_another_milter(gate) as other:
        refused(outcomes, other)
        put_off_then_taken(outcomes, other)


def refused(outcomes, other):
    other.reply = SPAM
    reply = outcomes.try_to_send(*WHO, ticket="T-spam", service="filtered")
    claim(reply.matches(SPAM), f"the other milter's refusal, not {reply}")
    event, = outcomes.receiver.wait_for(status="REJECTED")
    shown = claim_fate(outcomes, event["queueId"], "", "REJECTED", tenantId="kbz_test", ticketId="T-spam", dsn="5.7.1")
    claim("this looks like spam" in shown["reason"], f"the reason is {shown['reason']!r}")
    outcomes.wait_for_metric(1, "mailcore_outcomes_postfix_rejects_total")


def put_off_then_taken(outcomes, other):
    """4xx: the client comes again, with a message that Postfix calls another."""
    other.reply = BUSY
    reply = outcomes.try_to_send(*WHO, ticket="T-late", service="filtered")
    claim(reply.matches(BUSY), f"the other milter's answer, not {reply}")
    other.reply = ""
    accepted = outcomes.try_to_send(*WHO, ticket="T-late", service="filtered")
    claim(accepted.is_success, f"with nothing against it: {accepted}")
    for recipient in WHO:
        claim_fate(outcomes, queue_id_of(accepted), recipient, "SENT", ticketId="T-late")
    claim_equal(sorted(one["status"] for one in outcomes.list()), ["REJECTED", "SENT", "SENT"], "outcomes at last")
