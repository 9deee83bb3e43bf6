"""Redis stopped, killed and paused under load: no mail is held up or lost, it is said, and then Redis counts again

While it is away each host counts alone in its fallback."""

import time

from harness import metrics
from harness.claims import claim, claim_each_accepted_message_delivered_once, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, used
from harness.load import Load, Sender
from harness.waiting import wait_until

CONFIG = "limits-redis"


def run(gate):
    senders = [Sender(gate, f"s{number}", "10.0.1.1", "a@plenty.example") for number in range(3)]
    happenings, began = Happenings(gate), time.time()
    with Load(senders) as load:
        load.wait_for_accepted(6)
        claim_equal(counted_alone(gate), 0, "messages counted by the fallback before")
        for title, go, come_back in ABSENCES:
            check_absence(gate, load, title, lambda: go(gate.redis), lambda: come_back(gate.redis))
    for sender in senders:
        claim_equal([reply for reply in sender.replies if not reply.startswith("250")], [], "refusals and deferrals")
    claim_each_accepted_message_delivered_once(gate, senders, "plenty")
    check_told(gate, minutes=int((time.time() - began) / 60) + 1)
    check_redis_counts(gate)
    claim_equal(happenings.moved(None, "mailcore_limit_store_failures_total"), 0, "times that nobody could count")


def check_absence(gate, load, title, go, come_back):
    go()
    wait_until(lambda: on_fallback(gate) == [1, 1], f"both daemons to count alone after Redis was {title}")
    before = counted_alone(gate)
    load.wait_for_accepted(15)
    claim(counted_alone(gate) > before, "the fallback did not count")
    come_back()
    wait_until(lambda: on_fallback(gate) == [0, 0], f"both daemons to count in Redis again after it was {title}")
    load.wait_for_accepted(6)


ABSENCES = [("stopped", lambda redis: redis.stop(), lambda redis: redis.start()),
            ("killed", lambda redis: redis.kill(), lambda redis: redis.start()),
            ("paused", lambda redis: redis.pause(), lambda redis: redis.resume())]


def check_told(gate, minutes):
    """Once a minute; the end of an absence is told if it was."""
    for name, daemon in gate.daemons.items():
        told = len(gate.events(daemon, "limit_store_away"))
        claim(1 <= told <= minutes, f"{name} told {told} times in {minutes} minutes that Redis is away")
        claim_equal(len(gate.events(daemon, "limit_store_back")), told, f"times that {name} told that Redis is back")
        claim_equal(gate.events(daemon, "limit_store_failed"), [], f"failures that {name} told of")


def check_redis_counts(gate):
    gate.redis.flush()
    with Application(gate) as application:
        application.passes(2)
    claim_equal(used(gate), {"messages/1d": 2, "recipients/1d": 2}, "used in Redis")
    wait_until(lambda: gate.redis.call("KEYS", "mailcore:limit:kbz_test *"), "the tenant's keys in Redis")


def on_fallback(gate):
    return [read(daemon, "mailcore_limit_on_fallback") for daemon in gate.daemons.values()]


def counted_alone(gate):
    return sum(read(daemon, "mailcore_limit_fallback_calls_total") for daemon in gate.daemons.values())


def read(daemon, metric):
    return metrics.total(daemon.metrics(), metric)
