"""A reload that changes a limit frees nothing: what was used stays used, as a share of the limit, until it is reset

A limit that is taken away and comes back is still used, too."""

from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used, ctl

CONFIG = "limits"
CONFIGURATION = """
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    limits:  {limits}
"""


def run(gate):
    happenings = Happenings(gate)
    with Application(gate) as application:
        use(gate, "[{messages: 3, per: 1d}]")
        application.passes_exactly(3)
        use(gate, "[{messages: 6, per: 1d}]")
        application.is_refused("450 4.7.1 *: Sending limit reached: 6 messages per 1d; * (limit_exceeded)")
        claim_used(gate, "kbz_test", messages=6)
        use(gate, "[]")
        application.passes(1)
        use(gate, "[{messages: 2, per: 1d}, {recipients: 5, per: 1d}]")
        application.is_refused("450 4.7.1 *: Sending limit reached: 2 messages per 1d; * (limit_exceeded)")
        claim_used(gate, "kbz_test", messages=2, recipients=0)
        use(gate, "[{messages: 4, per: 1d}]")
        ctl(gate, "limits", "reset", "kbz_test")
        application.passes_exactly(4)
    claim_delivered(gate, happenings, [application])


def use(gate, limits):
    gate.write_config(CONFIGURATION.format(limits=limits))
    ctl(gate, "reload")
