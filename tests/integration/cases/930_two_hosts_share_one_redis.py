"""Two relay hosts on one Redis together pass exactly the burst, asked by both at once"""

import pathlib

from harness import metrics
from harness.claims import claim_each_accepted_message_delivered_once, claim_equal, claim_only_deferred
from harness.fleet import another_host
from harness.limits import used
from harness.load import Load, Sender
from harness.waiting import wait_until

CONFIG = "limits-redis"
BURST = 30


def run(gate):
    with another_host(gate, pathlib.Path(__file__).with_name(f"{CONFIG}.yaml")) as other:
        hosts = {"one": gate, "other": other}
        senders = [Sender(host, f"{name}{number}", "10.0.0.250", "a@keybuzz.io", gives_up=True)
                   for name, host in hosts.items() for number in range(3)]
        with Load(senders):
            wait_until(lambda: all(is_refused(sender) for sender in senders), "every sender to be refused")
        for host in hosts.values():
            claim_equal(used(host), {"messages/1d": BURST, "recipients/1d": BURST}, "used as each host sees it")
            host.postfix.wait_until_idle()
            claim_equal(fallback_calls(host), 0, "messages counted by a host alone")
        claim_only_deferred(senders)
        claim_each_accepted_message_delivered_once(gate, senders, "kbz_test")
        claim_equal(len(gate.sink.all()), BURST, "messages delivered by both hosts")


def is_refused(sender):
    return any(reply.endswith("(limit_exceeded)") for reply in sender.replies)


def fallback_calls(host):
    return sum(metrics.total(daemon.metrics(), "mailcore_limit_fallback_calls_total")
               for daemon in host.daemons.values())
