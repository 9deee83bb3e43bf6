"""Counts survive a kill -9 of the policy daemon, of the milter and of both, and a restart"""

from harness.limits import Application, claim_used
from harness.claims import claim, claim_equal

CONFIG = "limits"
TENANT = {"sender": "a@careful.example", "client": "10.1.10.1"}


def run(gate):
    accepted = 0
    for title, interrupt in INTERRUPTIONS.items():
        with Application(gate, **TENANT) as application:
            if accepted < 3:
                application.passes(1)
                accepted += 1
            interrupt(gate)
        claim_used(gate, "careful", messages=accepted)
        with Application(gate, **TENANT) as application:
            reply = application.send()
            claim(reply.is_success == (accepted < 3), f"message {accepted + 1} of 3 after {title}: {reply}")
            accepted += reply.is_success
    for service in ("25", "policy-alone", "milter-alone"):
        with Application(gate, service=service, **TENANT) as application:
            application.is_refused("450 * (limit_exceeded)")
    gate.postfix.wait_until_idle()
    claim_equal(len(gate.sink.all()), 3, "messages delivered")


def kill_policy(gate):
    gate.policy.kill()
    gate.policy.start()


def kill_milter(gate):
    gate.milter.kill()
    gate.milter.start()


def kill_both(gate):
    gate.kill_daemons()
    gate.start_daemons()


INTERRUPTIONS = {"a kill of the policy daemon": kill_policy, "a kill of the milter": kill_milter,
                 "a kill of both": kill_both, "a restart": lambda gate: gate.restart_daemons()}
