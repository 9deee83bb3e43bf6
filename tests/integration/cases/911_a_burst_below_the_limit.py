"""Of a hundred messages an hour with a burst of five, five pass at once

The next is told the time until the first of them is served."""

from harness.claims import claim
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used

CONFIG = "limits"


def run(gate):
    happenings = Happenings(gate)
    with Application(gate, "a@bursty.example", "10.1.1.1") as application:
        application.passes(5)
        reply = application.send()
        claim(reply.matches("450 4.7.1 *: Sending limit reached: 100 messages per 1h, 5 at once; try again in * s "
                            "(limit_exceeded)"), f"got {reply}")
        seconds = int(reply.text.partition("again in ")[2].split()[0])
        claim(1 <= seconds <= 36, f"one each 36 s, but come again in {seconds} s")
        claim_used(gate, "bursty", messages=5)
    claim_delivered(gate, happenings, [application])
