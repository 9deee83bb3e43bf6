"""While the application is away, killed among its requests or cuts connections, nothing is lost and nothing overtakes

What was under way when it died comes again, with the same eventId."""

import itertools

from harness.claims import claim, claim_equal
from harness.outcomes import following
from harness.receiver import DROP
from harness.waiting import wait_until

CONFIG = "default"
BUSY = "451 4.7.1 come again"


def run(gate):
    with following(gate) as outcomes:
        messages = away_from_the_beginning(gate, outcomes)
        messages += killed_among_requests(outcomes)
        messages += cuts_every_other_connection(outcomes)
        claim_all_told_once(outcomes, messages)


def away_from_the_beginning(gate, outcomes):
    """A message that was put off and then sent has two events, of which the second may not come alone."""
    outcomes.receiver.stop()
    gate.sink.answers["busy@example.com"] = BUSY
    messages = [outcomes.send("busy@example.com"), *(outcomes.send(f"a{number}@example.com") for number in range(5))]
    outcomes.wait_for(recipient="busy@example.com", status="DEFERRED")
    del gate.sink.answers["busy@example.com"]
    outcomes.wait_for(6, status="SENT")
    outcomes.wait_for_queue(sent=0, failed=0)
    wait_until(lambda: outcomes.events("webhook_failing"), "mailcore-outcomes to tell that the application is away")
    outcomes.receiver.start()
    outcomes.wait_for_queue(pending=0, sending=0, sent=7)
    outcomes.receiver.claim_told(("busy@example.com", "DEFERRED"), ("busy@example.com", "SENT"), queueId=messages[0])
    claim_equal(len(outcomes.events("webhook_back")), 1, "times it was told that the application is back")
    return messages


def killed_among_requests(outcomes):
    receiver = outcomes.receiver
    before = len(receiver.all())
    with receiver.hanging():
        messages = [outcomes.send(f"b{number}@example.com") for number in range(5)]
        wait_until(lambda: len(receiver.all()) >= before + 5, "five requests to be under way")
        receiver.stop()
    receiver.start()
    return messages


def cuts_every_other_connection(outcomes):
    turns = itertools.count()
    outcomes.receiver.answer = lambda request: DROP if next(turns) % 2 == 0 else 200
    return [outcomes.send(f"c{number}@example.com") for number in range(5)]


def claim_all_told_once(outcomes, messages):
    outcomes.wait_for_queue(pending=0, sending=0, sent=len(messages) + 1, failed=0)
    told = sorted(event["queueId"] for event in outcomes.receiver.taken() if event["status"] == "SENT")
    claim_equal(told, sorted(messages), "messages told as sent, each once")
    asked = [event["eventId"] for request in outcomes.receiver.all() for event in request.events]
    claim(len(asked) > len(set(asked)), "what was cut off did not come again")

