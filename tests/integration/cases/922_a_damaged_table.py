"""A table of limits that is damaged or removed under the daemons holds no mail up, is told, and counts anew

on_error is pass. Whatever becomes of the table, both daemons agree on it in the end."""

import os
import shutil

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used
from harness.waiting import wait_until

CONFIG = "limits"
GARBAGE = bytes(range(256)) * 32
EVENTS = ("limit_store_failed", "limit_store_healed")


def run(gate):
    happenings = Happenings(gate)
    applications = []
    for title, damage in DAMAGES.items():
        gate.mark_logs()
        damage(gate.folder / "state" / "limits")
        applications += check_mail_flows_and_is_counted(gate, title)
        wait_until(lambda: all(told(gate, daemon) for daemon in gate.daemons.values()),
                   f"both daemons to tell of {title}")
        for daemon in gate.daemons.values():
            daemon.check_health()
            claim(len(gate.events(daemon, "limit_store_failed")) <= 1, f"{daemon.name} told of {title} more than once")
    for name in gate.daemons:
        claim_equal(happenings.moved(name, "mailcore_limit_store_up"), 0,
                    f"{name}'s mailcore_limit_store_up, compared to before")
    claim_delivered(gate, happenings, applications)


def told(gate, daemon):
    return any(gate.events(daemon, event) for event in EVENTS)


def check_mail_flows_and_is_counted(gate, title):
    """At first it may pass uncounted; as soon as it is counted again the limit holds, in both daemons."""
    with Application(gate, "a@careful.example", "10.1.10.1") as application:
        passed, reply = application.sends_until_refused()
        claim(reply.matches("450 * (limit_exceeded)"), f"after {title}: {reply}")
        claim(passed >= 1, f"after {title} nothing passed")
    claim_used(gate, "careful", messages=3)
    for service in ("policy-alone", "milter-alone"):
        with Application(gate, "a@careful.example", "10.1.10.1", service=service) as alone:
            alone.is_refused("450 * (limit_exceeded)")
    return [application]


def overwrite(directory):
    with open(directory / "data.mdb", "r+b") as data:
        size = os.fstat(data.fileno()).st_size
        while data.tell() < min(size, 1 << 20):
            data.write(GARBAGE)


def overwrite_the_first_page(directory):
    with open(directory / "data.mdb", "r+b") as data:
        data.write(GARBAGE[:4096])


def replace(directory):
    (directory / "new").write_bytes(GARBAGE)
    (directory / "new").rename(directory / "data.mdb")


def truncate(directory):
    os.truncate(directory / "data.mdb", 0)


DAMAGES = {"garbage in the table": overwrite, "garbage in its first page": overwrite_the_first_page,
           "garbage in its place": replace, "its removal": lambda directory: (directory / "data.mdb").unlink(),
           "the removal of its directory": shutil.rmtree, "an empty file": truncate}
