"""outcomes --follow shows each change as it comes, and queue stats what waits in Postfix, by tenant"""

import json

from harness.claims import claim_equal
from harness.outcomes import following
from harness.processes import stop_child
from harness.waiting import wait_until

CONFIG = "default"
SHOP = {"client": "10.0.1.1", "sender": "sales@shop.example"}


def run(gate):
    with following(gate) as outcomes:
        outcomes.send("before@example.com")
        outcomes.wait_for(status="SENT")
        shown = outcomes.folder / "followed"
        follower = outcomes.start_ctl(shown, "outcomes", "--follow", "--json", "--tenant", "kbz_test")
        try:
            wait_until(lambda: changes(shown) == [("before@example.com", "SENT")], "what there was before to be shown")
            check_follows(gate, outcomes, shown)
        finally:
            stop_child(follower)


def changes(shown):
    lines = shown.read_text()
    return [(one["recipient"], one["status"]) for one in map(json.loads, lines[:lines.rfind("\n") + 1].splitlines())]


def check_follows(gate, outcomes, shown):
    gate.sink.answers["busy@example.com"] = gate.sink.answers["sold@example.com"] = "451 4.7.1 come again"
    outcomes.send("busy@example.com")
    outcomes.send("sold@example.com", **SHOP)
    wait_until(lambda: ("busy@example.com", "DEFERRED") in changes(shown), "DEFERRED to be shown")
    check_waiting(outcomes)
    gate.sink.answers.clear()
    wait_until(lambda: changes(shown)[-1] == ("busy@example.com", "SENT"), "SENT to be shown")
    claim_equal({recipient for recipient, _ in changes(shown)}, {"before@example.com", "busy@example.com"}, "recipients shown")
    outcomes.wait_for(recipient="sold@example.com", status="SENT")


def check_waiting(outcomes):
    def tenants():
        stats = json.loads(outcomes.ctl("queue", "stats", "--json", *outcomes.postfix_option()))
        return {one["tenant"]: (one["messages"], one["recipients"]) for one in stats["postfix"]["tenants"]}
    wait_until(lambda: tenants() == {"kbz_test": (1, 1), "shop": (1, 1)}, lambda: f"one message of each tenant to wait; it is {tenants()}")
