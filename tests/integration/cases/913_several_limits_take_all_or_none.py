"""What one of several limits refuses, the others do not count"""

from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used, used
from harness.claims import claim_equal

CONFIG = "limits"


def run(gate):
    happenings = Happenings(gate)
    with Application(gate, "a@several.example", "10.1.5.1") as application:
        application.passes(2, recipients=3)
        before = used(gate, "several")
        claim_used(gate, "several", messages=2, recipients=6)
        application.is_refused("450 4.7.1 Sending limit reached: 8 recipients per 1d; * (limit_exceeded)",
                               recipients=3)   # at the end: the first recipient alone had room
        application.is_refused("554 5.7.1 *Message alone exceeds a sending limit: 8 recipients per 1d (limit_exceeded)",
                               recipients=9)
        application.is_refused("554 5.7.1 *Message alone exceeds a sending limit: 40KiB per 1d (limit_exceeded)",
                               size=60_000)
        claim_equal(used(gate, "several"), before, "what was refused is not used")
        application.passes(1, recipients=2)
        application.is_refused("450 4.7.1 *: Sending limit reached: 8 recipients per 1d; * (limit_exceeded)")
        claim_used(gate, "several", messages=3, recipients=8)
    claim_delivered(gate, happenings, [application])
