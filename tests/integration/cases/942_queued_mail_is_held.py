"""tenant suspend --hold holds the tenant's queued mail and nobody else's; resume --release lets go what it has held

What a rule has put on hold stays there."""

import contextlib

from harness import fates
from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, ctl
from harness.suspension import asked, is_refused
from harness.waiting import CaseFailure, wait_until

CONFIG = "limits"
TENANT = {"sender": "a@several.example", "client": "10.1.5.1"}


def run(gate):
    happenings = Happenings(gate)
    postfix = ("--postfix-config", gate.postfix.directories["config"])
    with (Application(gate, **TENANT) as suspended, Application(gate, "odd@several.example", "10.1.5.1") as odd,
          Application(gate, "a@bursty.example", "10.1.1.1") as other):
        with gate.sink.away():
            suspended.passes(2)
            odd.passes(1)
            other.passes(2)
            wait_until(lambda: gate.sink.turned_away >= 4, "every message that is not held to be tried")
            ctl(gate, "tenant", "suspend", "several", "--hold", *postfix)
            claim_equal(len(gate.postfix.held_messages()), 3, "held messages")
        claim_others_go(gate, other)
        claim(all(map(is_refused, asked(gate, **TENANT))), "the suspended tenant still sends")
        ctl(gate, "tenant", "resume", "several", "--release", *postfix)
        with contextlib.suppress(CaseFailure):
            wait_until(lambda: len(gate.sink.all()) == 4, "the released mail to be delivered", seconds=10)
        fates.flush(gate)     # under load Postfix may leave a message lying until it is asked again
        wait_until(lambda: len(gate.sink.all()) == 4, "the released mail to be delivered")
        claim_equal(len(gate.postfix.held_messages()), 1, "messages still on hold")
        gate.postfix.delete_all()
        suspended.passes(1)
    odd.delivered.clear()
    claim_delivered(gate, happenings, [suspended, odd, other])


def claim_others_go(gate, other):
    wait_until(lambda: len(gate.sink.all()) == len(other.delivered), "the other tenant's messages to be delivered")
    gate.postfix.wait_until_idle()
    claim_equal(sorted(address for message in gate.sink.all() for address in message.recipients),
                sorted(other.delivered), "recipients of what went on")
