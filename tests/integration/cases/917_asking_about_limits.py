"""mailcorectl limits says what was sent, limits reset forgets it, and explain consumes nothing"""

import datetime
import json

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used, ctl, limits_of, used

CONFIG = "limits"
ASKED = ("protocol_state=END-OF-MESSAGE", "client_address=10.1.1.1", "sender=a@bursty.example",
         "recipient=buyer@example.com")


def run(gate):
    happenings = Happenings(gate)
    with Application(gate, "a@bursty.example", "10.1.1.1") as application:
        check_unused(gate)
        application.passes(3)
        check_used(gate)
        check_explained(gate, "pass", "ok")
        application.passes_exactly(2)
        check_reached(gate)
        check_explained(gate, "defer", "limit_exceeded")
        check_explained(gate, "pass", "ok", at=in_an_hour())
        check_reset(gate, application)
    check_apart(gate, happenings, [application])


def check_unused(gate):
    entry, = limits_of(gate, "bursty")
    expected = {"tenant": "bursty", "limit": "100 messages per 1h, 5 at once", "unit": "messages", "number": 100,
                "burst": 5, "per": "1h", "used": 0, "left": 5}
    claim_equal({name: entry.get(name) for name in expected}, expected, "the limit that nobody has used")


def check_used(gate):
    entry, = limits_of(gate, "bursty")
    claim_equal((entry["used"], entry["left"], entry["free_at"]), (3, 2, ""), "used, left and next free time")
    table = ctl(gate, "limits", "bursty")
    claim("100 messages per 1h, 5 at once" in table and "bursty" in table, f"the table for people:\n{table}")
    claim_equal({entry["tenant"]: entry["used"] for entry in limits_of(gate) if entry["used"]}, {"bursty": 3},
                "what the list of all tenants says")


def check_reached(gate):
    entry, = limits_of(gate, "bursty")
    claim_equal((entry["used"], entry["left"]), (5, 0), "used and left of a limit that is reached")
    free_at = datetime.datetime.fromisoformat(entry["free_at"].replace("Z", "+00:00"))
    until = (free_at - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    claim(-30 < until <= 36, f"one each 36 s, and the next is said to be free in {until} s")


def in_an_hour():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_explained(gate, action, reason, at=None):
    """Twice: what is explained is not counted."""
    before = used(gate, "bursty")
    for _ in range(2):
        answer = json.loads(ctl(gate, "explain", *ASKED, *(["--at", at] if at else []), "--json"))
        claim_equal((answer["action"], answer["reason"]), (action, reason), f"explain's answer at {at or 'once'}")
        claim_equal(answer["tenant"], "bursty", "explain's tenant")
        steps = [step for step in answer["trace"] if step["step"] == "limit"]
        claim(len(steps) == 1 and "100 messages per 1h" in steps[0]["text"], f"explain's steps of limits: {steps}")
    claim_equal(used(gate, "bursty"), before, "used after explain")


def check_reset(gate, application):
    ctl(gate, "limits", "reset", "bursty")
    claim_used(gate, "bursty", messages=0)
    application.passes_exactly(5)


def check_apart(gate, happenings, applications):
    """What is counted apart has an entry each; another tenant's reset leaves it alone."""
    for number in range(1, 4):
        with Application(gate, "a@byclient.example", f"10.1.8.{number}") as each:
            each.passes(1)
            applications.append(each)
    ctl(gate, "limits", "reset", "bursty")
    claim_equal({entry["key"]: entry["used"] for entry in limits_of(gate, "by_client")},
                {f"10.1.8.{number}": 1 for number in range(1, 4)}, "used by client")
    done = gate.ctl("limits", "nobody")
    claim(done.returncode == 1 and "nobody" in done.stderr, f"limits of a tenant that is none: {done}")
    claim_delivered(gate, happenings, applications)
