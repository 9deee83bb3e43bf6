"""mail_log: "-" reads a log from standard input, and ends with 0 and the rows that following it gave"""

from harness.claims import claim_equal
from harness.outcomes import Outcomes, following

CONFIG = "default"


def run(gate):
    with following(gate) as outcomes:
        gate.sink.answers |= {"bounce@example.com": "550 5.1.1 no such user", "busy@example.com": "451 4.7.1 come again"}
        outcomes.send("buyer@example.com", "bounce@example.com", "busy@example.com", ticket="T-1")
        outcomes.try_to_send("x@blocked.example", client="10.0.1.1", sender="sales@shop.example")
        outcomes.wait_for(status="DEFERRED")
        gate.sink.answers.clear()
        outcomes.wait_for(2, status="SENT")
        gate.postfix.wait_until_idle()
        outcomes.wait_for_metric(0, "mailcore_email_queue_depth")
        lines = gate.postfix.directories["log"].read_bytes()
        outcomes.wait_for_metric(lines.count(b"\n"), "mailcore_outcomes_lines_total", source="mail_log")
        fed = gate.folder / "outcomes" / "fed"
        fed.write_bytes(lines)
        replay = Outcomes(gate, "replay", outcomes.receiver, mail_log="-", state=gate.folder / "replay-state")
        claim_equal(replay.run_to_the_end(fed), 0, f"exit status of the replay, which said {replay.daemon.stderr_tail()}\n")
        claim_equal(replay.rows(), outcomes.rows(), "rows")
        claim_equal(replay.event_ids(), outcomes.event_ids(), "ids of the events")
