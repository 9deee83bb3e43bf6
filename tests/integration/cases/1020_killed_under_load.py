"""Killed at any moment under load, while the logs are rotated, it ends with the states of an undisturbed run over the same logs

Each final state is told to the application by the eventId that the undisturbed run gives it, and each recipient that was put off
as such; none is lost, none is told of twice as two. The moments are random; their seed is told in a failure."""

import collections
import random
import time

from harness import rotation
from harness.claims import claim, claim_equal
from harness.fates import deliver_all
from harness.load import Load, Sender
from harness.outcomes import Outcomes, following
from harness.waiting import CaseFailure, wait_until

CONFIG = "default"
KILLS = 6
TOLD_AT, TOLD_DSN = 11, 19     # among the columns of recipients


def run(gate):
    seed = random.randrange(1 << 32)
    try:
        with following(gate) as outcomes:
            disturb(gate, outcomes, random.Random(seed))
            judge(gate, outcomes)
    except CaseFailure as failure:
        raise CaseFailure(f"{failure}\n(seed {seed})") from failure


def disturb(gate, outcomes, chance):
    senders = [Sender(gate, f"s{number}", "10.0.0.250", "amazon@inbound.keybuzz.io", headers=[f"X-KeyBuzz-Ticket: T-{number}"])
               for number in range(3)]
    some_fail(gate, chance, senders)
    mail_log, decisions = rotation.of_mail_log(gate), rotation.of_decision_log(gate)
    rotations = [mail_log.rename, mail_log.copy_and_truncate, decisions.rename, mail_log.copy_and_truncate, mail_log.rename,
                 decisions.rename]
    chance.shuffle(rotations)
    with Load(senders) as load:
        for rotate in rotations[:KILLS]:
            load.wait_for_accepted(chance.randint(3, 12))
            time.sleep(chance.uniform(0, 0.05))   # any moment
            turn = chance.choice(["before", "while dead", "after"])
            if turn == "before":
                rotate()
            outcomes.kill()
            if turn == "while dead":
                load.wait_for_accepted(chance.randint(1, 6))
                rotate()
                mail_log.pack()
            outcomes.start()
            if turn == "after":
                rotate()
        load.wait_for_accepted(5)
    gate.sink.answers.clear()
    deliver_all(gate)


def some_fail(gate, chance, senders):
    """Of the recipients to come some bounce, and some are put off until all is over."""
    for sender in senders:
        for number in range(1, 400):
            if answer := chance.choice([None] * 6 + ["550 5.1.1 no such user", "451 4.7.1 come again"]):
                gate.sink.answers[f"{sender.name}.{number}@example.com"] = answer


def judge(gate, outcomes):
    gate.postfix.wait_until_idle()
    whole = {}
    for log, rotated in {"mail_log": rotation.of_mail_log(gate), "decision_log": rotation.of_decision_log(gate)}.items():
        whole[log] = gate.folder / "undisturbed" / log
        whole[log].parent.mkdir(exist_ok=True)
        whole[log].write_bytes(rotated.whole())
    undisturbed = Outcomes(gate, "undisturbed", outcomes.receiver, state=gate.folder / "undisturbed" / "state", give_up_after="1h", **whole)
    expected = run_undisturbed(undisturbed, whole, outcomes.receiver)
    try:
        wait_until(lambda: rows_of(outcomes) == expected["rows"], "the same rows", seconds=15)
    except CaseFailure:
        claim_same_rows(rows_of(outcomes), expected["rows"])
    outcomes.wait_for_queue(pending=0, sending=0, failed=0)
    told = {event["eventId"] for event in outcomes.receiver.taken()}
    claim_equal(outcomes.event_ids(final_only=True), expected["events"], "ids of the events that are final")
    claim_equal(outcomes.deferrals_told(), expected["deferrals"], "what was told as put off")
    claim_equal(told, outcomes.event_ids(), "ids of the events told")
    states = {row[3] for row in expected["rows"]["recipients"]}
    claim(len(states) >= 2, f"too little happened: only the states {states}")


def run_undisturbed(undisturbed, logs, receiver):
    """Its rows and its events; it tells nobody."""
    undisturbed.secret_file.unlink()
    undisturbed.start()
    try:
        for source, path in logs.items():
            undisturbed.wait_for_metric(path.read_bytes().count(b"\n"), "mailcore_outcomes_lines_total", source=source)
        undisturbed.stop()
        return {"rows": rows_of(undisturbed), "events": undisturbed.event_ids(final_only=True), "deferrals": undisturbed.deferrals_told()}
    finally:
        undisturbed.daemon.abandon()


def rows_of(outcomes):
    """Without what depends on how soon a decision could be read. Where Postfix tries twice before, the second deferral is told;
    where a message is over before, it was counted as mail of no tenant, and a counter does not go back."""
    rows = outcomes.rows()
    recipients = sorted((*row[:TOLD_AT], *row[TOLD_AT + 1:TOLD_DSN]) for row in rows["recipients"])
    counters = collections.Counter()
    for name, count in rows["counters"]:
        counters[name.removesuffix("kbz_test")] += count
    return rows | {"recipients": recipients, "counters": sorted(counters.items())}


def claim_same_rows(found, expected):
    for table in expected:
        missing = [row for row in expected[table] if row not in found[table]]
        surplus = [row for row in found[table] if row not in expected[table]]
        claim(not missing and not surplus, f"{table}: of {len(expected[table])} rows {len(missing)} are missing, {len(surplus)} are others:\n"
              f"expected {missing[:3]}\nfound    {surplus[:3]}")
        claim_equal(len(found[table]), len(expected[table]), f"rows of {table}")
