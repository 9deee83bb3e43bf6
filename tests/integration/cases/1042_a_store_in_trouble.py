"""A store that cannot be written is told of, and nothing is lost; a damaged or foreign one is refused in clear words"""

import contextlib
import os
import sqlite3

from harness.claims import claim, claim_equal
from harness.outcomes import following
from harness.waiting import HarnessError, wait_until

CONFIG = "default"


def run(gate):
    with following(gate) as outcomes:
        queue_id = outcomes.send("before@example.com")
        outcomes.receiver.wait_for(queueId=queue_id)
        check_locked(outcomes)
        check_unreadable(outcomes)
        outcomes.stop()
        check_damaged(outcomes)
        outcomes.start()
        claim_equal(sorted(one["recipient"] for one in outcomes.list()), ["before@example.com", "locked@example.com", "unreadable@example.com"],
                    "outcomes at last")


def check_locked(outcomes):
    """Another process holds the file: what is read meanwhile is stored when it lets go."""
    with contextlib.closing(sqlite3.connect(outcomes.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes.send("locked@example.com", ticket="T-locked")
        wait_until(lambda: outcomes.events("outcome_store_failed"), "the failure to be told")
        other.execute("ROLLBACK")
    outcomes.receiver.wait_for(recipient="locked@example.com", ticketId="T-locked", status="SENT")
    claim_equal(len(outcomes.receiver.of(recipient="locked@example.com")), 1, "events of it")
    claim(outcomes.metric("mailcore_outcomes_store_failures_total") >= 1, "the failure is not counted")


def check_unreadable(outcomes):
    """It does not even say how far the logs are stored: nothing is read on, so that nothing is left out later."""
    told = len(outcomes.events("outcome_store_failed"))
    with contextlib.closing(sqlite3.connect(outcomes.store, isolation_level=None, timeout=10)) as other:
        other.execute("ALTER TABLE positions RENAME TO positions_away")
        outcomes.send("unreadable@example.com", ticket="T-unreadable")
        wait_until(lambda: outcomes.metric("mailcore_outcomes_store_failures_total") >= 2, "the failure to be counted")
        outcomes.wait_for_metric(0, "mailcore_outcomes_store_up")
        claim(outcomes.metric("mailcore_outcomes_behind_bytes", source="mail_log") > 0, "what waits in the log is not counted")
        shown = outcomes.ctl("status")
        claim("Nothing can be stored now" in shown and str(outcomes.store) in shown, f"status says\n{shown}")
        claim_equal(len(outcomes.events("outcome_store_failed")), told + 1, "times that the failure was told within a minute")
        other.execute("ALTER TABLE positions_away RENAME TO positions")
    outcomes.receiver.wait_for(recipient="unreadable@example.com", ticketId="T-unreadable", status="SENT")
    claim(outcomes.events("outcome_store_back"), "nobody said that the store is back")
    outcomes.wait_for_metric(1, "mailcore_outcomes_store_up")
    claim("Nothing can be stored" not in outcomes.ctl("status"), "status still complains")


def check_damaged(outcomes):
    good = outcomes.store.read_bytes()
    for title, content, words in (("of random bytes", os.urandom(len(good)), "not a database"),
                                  ("cut in the middle", good[:len(good) // 2], "malformed"),
                                  ("of another program", foreign(outcomes), "no store of outcomes")):
        outcomes.store.write_bytes(content)
        try:
            outcomes.start()
        except HarnessError as refusal:
            claim(str(outcomes.store) in str(refusal) and words in str(refusal), f"a store {title} is answered by {refusal}")
            outcomes.daemon.child = None
        else:
            claim(False, f"a store {title} is taken")
        claim_equal(outcomes.store.read_bytes()[:100], content[:100], f"beginning of the store {title}")
    outcomes.store.write_bytes(good)


def foreign(outcomes):
    path = outcomes.folder / "foreign.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE cats (name TEXT)")
        database.commit()
    return path.read_bytes()
