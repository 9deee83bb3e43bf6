"""mailcorectl tenant suspend is seen by both daemons, survives kill and restart, and works with the daemons down

Only resume lifts it. Other tenants go on."""

import json

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, ctl
from harness.suspension import is_refused, wait_until_resumed, wait_until_suspended

CONFIG = "limits"


def run(gate):
    happenings = Happenings(gate)
    check_both_daemons(gate)
    check_told(gate, happenings)
    check_survives(gate)
    ctl(gate, "tenant", "resume", "kbz_test")
    wait_until_resumed(gate)
    check_observed(gate)
    check_without_daemons(gate)
    check_mistakes(gate)


def check_both_daemons(gate):
    """Also on a connection that was open before, and for a message that was under way."""
    with (Application(gate) as application, Application(gate) as under_way,
          Application(gate, "a@bursty.example", "10.1.1.1") as other):
        application.passes(1)
        claim_equal(under_way.begin().code, 354, "the reply to DATA")
        ctl(gate, "tenant", "suspend", "kbz_test", "--reason", "phishing, ticket 4711")
        wait_until_suspended(gate)
        claim(is_refused(under_way.end()), "a message under way still passes for the suspended tenant")
        claim(is_refused(application.send()), "an open connection still sends for the suspended tenant")
        other.passes(1)


def check_told(gate, happenings):
    for name, daemon in gate.daemons.items():
        happenings.check_log(name, {"action": "reject", "reason": "tenant_suspended", "tenant": "kbz_test"})
        claim(gate.events(daemon, "suspensions_changed"), f"{name} did not tell that a tenant was suspended")
    for command in (["tenants"], ["status"], ["limits", "kbz_test"]):
        shown = ctl(gate, *command)
        claim("suspended" in shown, f"mailcorectl {command} does not show the suspension:\n{shown}")
    explained = json.loads(ctl(gate, "explain", "client_address=10.0.0.250", "sender=a@keybuzz.io", "--json"))
    claim_equal((explained["action"], explained["reason"]), ("reject", "tenant_suspended"), "explain's answer")
    claim("phishing, ticket 4711" in json.dumps(explained["trace"]),
          f"the operator's reason is not in {explained['trace']}")


def check_survives(gate):
    gate.kill_daemons()
    gate.start_daemons()
    wait_until_suspended(gate)
    gate.restart_daemons()
    wait_until_suspended(gate)


def check_observed(gate):
    """Where refusals are only watched, the switch works all the same."""
    ctl(gate, "tenant", "suspend", "watched")
    wait_until_suspended(gate, sender="a@watched.example", client="10.1.9.1")
    ctl(gate, "tenant", "resume", "watched")
    wait_until_resumed(gate, sender="a@watched.example", client="10.1.9.1")


def check_without_daemons(gate):
    """Stopped in order, and killed: then their control sockets are still there."""
    gate.stop_daemons()
    ctl(gate, "tenant", "suspend", "kbz_test")
    gate.start_daemons()
    wait_until_suspended(gate)
    gate.kill_daemons()
    ctl(gate, "tenant", "resume", "kbz_test")
    gate.start_daemons()
    wait_until_resumed(gate)


def check_mistakes(gate):
    done = gate.ctl("tenant", "suspend", "nobody")
    claim(done.returncode == 1 and "nobody" in done.stderr, f"suspending a tenant that is none: {done}")
    ctl(gate, "tenant", "resume", "kbz_test")   # one that is not suspended
