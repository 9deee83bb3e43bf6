"""Logs that are not there yet are told of and read when they come: nothing is lost, and each message finds its tenant"""

import os

from harness.claims import claim_equal
from harness.outcomes import following
from harness.waiting import wait_until

CONFIG = "default"


def run(gate):
    elsewhere = gate.folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    logs = {"mail_log": elsewhere / "maillog", "decision_log": elsewhere / "decisions.jsonl"}
    with following(gate, **logs) as outcomes:
        for source in logs:
            wait_until(lambda: source in {line["source"] for line in outcomes.events("log_unreadable")}, f"{source} to be missed")
            outcomes.wait_for_metric(0, "mailcore_outcomes_log_readable", source=source)
        queue_id = outcomes.send("buyer@example.com", ticket="T-later")
        gate.postfix.wait_until_idle()
        os.link(gate.postfix.directories["log"], logs["mail_log"])
        outcomes.wait_for_metric(1, "mailcore_outcomes_log_readable", source="mail_log")
        claim_equal(outcomes.receiver.all(), [], "what is told before it is known whose it is")
        os.link(gate.decisions.path, logs["decision_log"])
        outcomes.receiver.claim_told(("buyer@example.com", "SENT"), queueId=queue_id, ticketId="T-later")
        for source in logs:
            wait_until(lambda: source in {line["source"] for line in outcomes.events("log_readable")}, f"{source} to be told of as readable")
            outcomes.wait_for_metric(1, "mailcore_outcomes_log_readable", source=source)
            logs[source].unlink()
