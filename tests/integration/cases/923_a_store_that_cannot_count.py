"""While nobody can count, on_error decides whether mail passes or waits; it is said once, and ends with the trouble

A file stands where the table's directory should: no new table can be made."""

import shutil

from harness import metrics
from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used
from harness.waiting import wait_until

CONFIG = "limits"
CONFIGURATION = """
limits: {{store: "lmdb:@STATE@/limits", on_error: {on_error}}}
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    limits:  [{{messages: 3, per: 1d}}]
  unlimited:
    clients: [10.0.1.1]
    senders: ["@unlimited.example"]
"""
SERVICES = ("25", "policy-alone", "milter-alone")


def run(gate):
    check(gate, "pass", "250 *")
    check(gate, "defer", "451 4.3.0 * (internal_error)")


def check(gate, on_error, expected):
    start_anew(gate, on_error)
    happenings = Happenings(gate)
    directory = gate.folder / "state" / "limits"
    with Application(gate, "a@unlimited.example", "10.0.1.1") as unlimited:
        applications = [Application(gate, service=service).__enter__() for service in SERVICES]
        applications[0].passes_exactly(3)
        put_a_file_in_its_place(directory)
        for application in applications:
            wait_until(lambda: application.send().matches(expected), f"the answer of on_error: {on_error}")
            for _ in range(5):
                application.is_answered(expected)
        unlimited.passes(2)
        check_told(gate, happenings)
        directory.unlink()
        check_heals(gate, applications)
        for application in applications:
            application.__exit__()
    claim_delivered(gate, happenings, [unlimited, *applications])


def start_anew(gate, on_error):
    gate.stop_daemons()
    shutil.rmtree(gate.folder / "state" / "limits")
    gate.write_config(CONFIGURATION.format(on_error=on_error))
    gate.mark_logs()
    gate.sink.clear()
    gate.start_daemons()


def put_a_file_in_its_place(directory):
    shutil.rmtree(directory)
    directory.write_text("no directory\n")


def check_told(gate, happenings):
    for name, daemon in gate.daemons.items():
        claim_equal(len(gate.events(daemon, "limit_store_failed")), 1, f"times that {name} told of it")
        claim_equal(store_up(daemon), 0, f"{name}'s mailcore_limit_store_up")
        counted = happenings.moved(name, "mailcore_limit_store_failures_total")
        claim(counted >= 1, f"{name} counted {counted} failures")


def check_heals(gate, applications):
    """With a table of nothing: the whole burst is free again, in both daemons."""
    for daemon in gate.daemons.values():
        wait_until(lambda: gate.events(daemon, "limit_store_healed"), f"{daemon.name} to tell that it counts again")
        wait_until(lambda: store_up(daemon) == 1, f"{daemon.name}'s mailcore_limit_store_up to be 1")
    applications[0].passes_exactly(3)
    claim_used(gate, "kbz_test", messages=3)
    for application in applications:
        application.is_answered("450 4.7.1 * (limit_exceeded)")


def store_up(daemon):
    return metrics.total(daemon.metrics(), "mailcore_limit_store_up")
