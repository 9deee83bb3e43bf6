"""A hundred messages a minute pass at once, the next is told when to come again, and then it passes

While the messages are sent the limit gives back one each 0.6 s; the clock says how many that can be at most."""

import time

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, refused_by_limits
from harness.waiting import wait_until

CONFIG = "limits"
LIMIT = "100 messages per 1m"
WORDS = f"Sending limit reached: {LIMIT}; try again in 1 s (limit_exceeded)"
EARLY = f"450 4.7.1 <*>: Recipient address rejected: {WORDS}"


def run(gate):
    happenings = Happenings(gate)
    with Application(gate) as application, Application(gate, service="milter-alone") as unasked:
        began = time.time()
        application.passes(100)
        more, reply = application.sends_until_refused()
        come_back = int((time.time() - began) / 0.6) + 1
        claim(more <= come_back, f"{100 + more} messages passed where {100 + come_back} may")
        claim(reply.matches(EARLY), f"expected {EARLY}\n     got      {reply}")
        check_told(happenings, "policy", refusals=1)
        check_milter_alone(unasked, happenings)
        wait_until(lambda: application.send().is_success, "a message to pass when it comes again")
    claim_delivered(gate, happenings, [application, unasked])


def check_milter_alone(application, happenings):
    """Where nobody asked earlier, the message is refused at its end."""
    _, reply = application.sends_until_refused()
    claim_equal(str(reply), f"450 4.7.1 {WORDS}", "the milter's reply")
    check_told(happenings, "milter", refusals=1)


def check_told(happenings, daemon, refusals):
    happenings.check_log(daemon, {"action": "defer", "reason": "limit_exceeded", "limit": LIMIT, "tenant": "kbz_test",
                                  "reply": f"450 4.7.1 {WORDS}"})
    claim_equal(refused_by_limits(happenings, daemon, "kbz_test", LIMIT), refusals, f"refusals that {daemon} counted")
