"""Local mail by sendmail(1) is not counted, whatever limits there are"""

from harness.claims import claim_equal
from harness.expectations import Happenings
from harness.limits import limits_of
from harness.waiting import wait_until

CONFIG = "limits"
RECIPIENTS = [f"admin{number}@example.com" for number in range(3)]


def run(gate):
    happenings = Happenings(gate)
    for recipient in RECIPIENTS:
        gate.postfix.sendmail("root@mail-core.test", [recipient], b"From: root@mail-core.test\n\nHello.\n")
    wait_until(lambda: len(gate.sink.all()) == len(RECIPIENTS), "the local mail")
    claim_equal([entry for entry in limits_of(gate) if entry["used"]], [], "limits of which something is used")
    for message in gate.sink.all():
        message.claimed = True
    happenings.check_metric(None, "mailcore_limit_refused_total", frozenset(), 0)
    happenings.check_universal_claims()
