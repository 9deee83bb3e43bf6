"""With batch: N a request carries an array of 1 to N events; one that the application cannot take does not keep back the others"""

from harness.claims import claim, claim_equal
from harness.outcomes import following

CONFIG = "default"
MESSAGES = 12


def run(gate):
    with following(gate, batch=5) as outcomes:
        receiver = outcomes.receiver
        receiver.stop()
        for number in range(MESSAGES):
            outcomes.send(f"buyer{number}@example.com", ticket=f"T-{number}")
        outcomes.wait_for(MESSAGES, status="SENT")
        receiver.answer = lambda request: 422 if "T-3" in tickets(request) and not receiver.of(ticketId="T-7") else 200
        receiver.start()
        outcomes.wait_for_queue(pending=0, sending=0, sent=MESSAGES, failed=0)
        sizes = [len(request.events) for request in receiver.all()]
        claim(max(sizes) <= 5, f"a request carries {max(sizes)} events")
        claim(max(sizes) > 1, "no request carries several events")
        claim(all(request.body.startswith(b"[") for request in receiver.all()), "a body is no array")
        claim_equal(sorted(event["ticketId"] for event in receiver.taken()), sorted(f"T-{number}" for number in range(MESSAGES)),
                    "tickets told of")


def tickets(request):
    return [event["ticketId"] for event in request.events]
