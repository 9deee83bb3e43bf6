"""What the application refuses until give_up_after is failed, shown with its reason, and sent again by queue retry

A login in the URL is sent, and shown nowhere."""

import base64

from harness.claims import claim_equal
from harness.outcomes import following

CONFIG = "default"
LOGIN = "app:password-that-nobody-may-see"


def run(gate):
    with following(gate, login=LOGIN, give_up_after="1s") as outcomes:
        receiver = outcomes.receiver
        receiver.answer = lambda request: 200 if request.events[0]["ticketId"] == "T-good" else 422
        ids = [outcomes.send(f"buyer{number}@example.com", ticket=f"T-{number}") for number in range(3)]
        outcomes.send("other@example.com", ticket="T-good")
        outcomes.wait_for_queue(pending=0, sending=0, sent=1, failed=3)
        check_shown(outcomes, ids)
        oldest = [entry["event"]["queueId"] for entry in sorted(outcomes.failed(), key=lambda entry: entry["failedAt"])][:2]
        receiver.answer = lambda request: 200
        claim_equal(outcomes.ctl("queue", "retry", "--max", "2").strip(), "2 events will be sent again.", "the answer to queue retry")
        outcomes.wait_for_queue(pending=0, sending=0, sent=3, failed=1)
        claim_equal(sorted(event["queueId"] for event in receiver.taken() if event["ticketId"] != "T-good"),
                    sorted(oldest), "the oldest two, told now")
        outcomes.ctl("queue", "retry")
        outcomes.wait_for_queue(pending=0, sending=0, sent=4, failed=0)
        claim_equal(sorted(event["ticketId"] for event in receiver.taken()), ["T-0", "T-1", "T-2", "T-good"], "tickets told of")
        claim_equal(outcomes.ctl("queue", "failed").strip(), "No event has failed.", "queue failed at last")
        check_login(outcomes)


def check_shown(outcomes, ids):
    failed = outcomes.failed()
    claim_equal(sorted(entry["event"]["queueId"] for entry in failed), sorted(ids), "messages of the failed events")
    for entry in failed:
        claim_equal(entry["error"], f"http://127.0.0.1:{outcomes.receiver.port}: answered 422", "why it failed")
        tries = [request for request in outcomes.receiver.all() if request.events[0]["eventId"] == entry["event"]["eventId"]]
        claim_equal(entry["attempts"], len(tries), "tries shown of a failed event")
    table = outcomes.ctl("queue", "failed", "--limit", "2").splitlines()
    claim_equal(table[0].split(), ["GIVEN", "UP", "STATUS", "TENANT", "TICKET", "RECIPIENT", "TRIES", "WHY"], "head of the table")
    claim_equal(len(table), 3, "lines of the table, its head included")


def check_login(outcomes):
    expected = "Basic " + base64.b64encode(LOGIN.encode()).decode()
    claim_equal({request.headers.get("authorization") for request in outcomes.receiver.all()}, {expected}, "Authorization")
