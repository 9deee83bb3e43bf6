"""Of two messages whose recipients were taken before the limit was reached, exactly one passes

Both are past every early question when there is one place left; the count at the end decides."""

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used, refused_by_limits

CONFIG = "limits"
LIMIT = "1 message per 1d, each client"


def run(gate):
    happenings = Happenings(gate)
    applications = [Application(gate, "a@byclient.example", "10.1.8.9") for _ in range(4)]
    for application in applications:
        application.__enter__()
        claim_equal(application.begin().code, 354, "the reply to DATA while a place is left")
    replies = [application.end() for application in applications]
    for application in applications:
        application.__exit__()
    claim_equal(replies[0].code, 250, "the first message's reply")
    for reply in replies[1:]:
        claim(reply.matches(f"450 4.7.1 Sending limit reached: {LIMIT}; try again in * s (limit_exceeded)"),
              f"got {reply}")
    happenings.check_log("milter", {"action": "defer", "reason": "limit_exceeded", "limit": LIMIT})
    claim_equal(refused_by_limits(happenings, "milter", "by_client", LIMIT), 3, "refusals that the milter counted")
    claim_used(gate, "by_client", messages=1)
    claim_delivered(gate, happenings, applications)
