"""Whatever the application answers but 2xx, the event comes again, after Retry-After if it says so; others are not held up

A redirect is not followed."""

import collections

from harness.claims import claim, claim_equal
from harness.outcomes import following

CONFIG = "default"
ANSWERS = {"later@example.com": (429, {"Retry-After": "1"}), "broken@example.com": 500, "gone@example.com": 410,
           "unknown@example.com": 400, "moved@example.com": (307, {"Location": "/elsewhere"}), "closed@example.com": 503}
TRIES_REFUSED = 2


def run(gate):
    with following(gate) as outcomes:
        outcomes.receiver.answer = refuse_at_first()
        for recipient in [*ANSWERS, "welcome@example.com"]:
            outcomes.send(recipient)
        outcomes.wait_for_queue(pending=0, sending=0, sent=len(ANSWERS) + 1, failed=0)
        claim_equal(sorted(event["recipient"] for event in outcomes.receiver.taken()), sorted([*ANSWERS, "welcome@example.com"]),
                    "recipients told of")
        for recipient in ANSWERS:
            check_tries(requests_for(outcomes, recipient))
        claim_equal(len(requests_for(outcomes, "welcome@example.com")), 1, "requests about the message that was welcome")
        first, second = requests_for(outcomes, "later@example.com")[:2]
        claim(second.at - first.at >= 1.0, f"asked again after {second.at - first.at:.2f} s where Retry-After said 1")
        outcomes.wait_for_metric(len(ANSWERS) * TRIES_REFUSED, "mailcore_webhook_requests_total", result="refused")
        outcomes.wait_for_metric(len(ANSWERS) + 1, "mailcore_webhook_requests_total", result="delivered")


def refuse_at_first():
    """Each event so many times, then 200."""
    asked = collections.Counter()

    def answer(request):
        recipient = request.events[0]["recipient"]
        asked[recipient] += 1
        return ANSWERS[recipient] if recipient in ANSWERS and asked[recipient] <= TRIES_REFUSED else 200
    return answer


def requests_for(outcomes, recipient):
    return [request for request in outcomes.receiver.all() if request.events[0]["recipient"] == recipient]


def check_tries(requests):
    claim_equal(len(requests), TRIES_REFUSED + 1, f"requests about {requests[0].events[0]['recipient']}")
    claim_equal({request.body for request in requests}, {requests[0].body}, "what was said each time")
