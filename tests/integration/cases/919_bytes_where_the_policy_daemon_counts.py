"""With count_at: policy a limit of bytes holds, too, though nobody knows them before the message's end"""

from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used

CONFIG = "limits-at-policy"


def run(gate):
    happenings = Happenings(gate)
    with Application(gate, "a@heavy.example", "10.0.4.1") as application:
        application.passes(2, size=8_000)
        application.is_refused("450 4.7.1 * (limit_exceeded)", size=8_000)
        application.is_refused("450 4.7.1 * (limit_exceeded)", size=8_000, parameters=" SIZE=8000")
        claim_used(gate, "heavy", messages=2)
        application.passes(1, size=1_000)
        claim_used(gate, "heavy", messages=3)
    claim_delivered(gate, happenings, [application])
