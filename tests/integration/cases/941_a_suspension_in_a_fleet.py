"""A suspension reaches the other hosts of a fleet, holds while Redis is away, and is brought back to it"""

import pathlib

from harness.claims import claim
from harness.fleet import another_host
from harness.limits import ctl
from harness.suspension import asked, is_refused, wait_until_resumed, wait_until_suspended
from harness.waiting import wait_until

CONFIG = "limits-redis"
PLENTY = {"sender": "a@plenty.example", "client": "10.0.1.1"}


def run(gate):
    with another_host(gate, pathlib.Path(__file__).with_name(f"{CONFIG}.yaml")) as other:
        hosts = (gate, other)
        ctl(gate, "tenant", "suspend", "kbz_test", "--reason", "seen by all")
        for host in hosts:
            wait_until_suspended(host)
        check_redis_away(gate, other)
        check_redis_forgot(gate, hosts)
        ctl(other, "tenant", "resume", "kbz_test")
        for host in hosts:
            wait_until_resumed(host)
            wait_until_suspended(host, **PLENTY)
        ctl(gate, "tenant", "resume", "plenty")
        for host in hosts:
            wait_until_resumed(host, **PLENTY)


def check_redis_away(gate, other):
    """What each host knows it enforces, also when it starts meanwhile; what it is told meanwhile, too."""
    gate.redis.kill()
    for host in (gate, other):
        host.kill_daemons()
        host.start_daemons()
        claim(all(map(is_refused, asked(host))), "a host forgot a suspension while Redis is away")
    ctl(gate, "tenant", "suspend", "plenty")
    wait_until_suspended(gate, **PLENTY)
    claim(all(reply.is_success for reply in asked(other, **PLENTY)), "the other host heard of it without Redis")


def check_redis_forgot(gate, hosts):
    """It comes back empty: the hosts tell it what they know."""
    gate.redis.start()
    for host in hosts:
        wait_until_suspended(host, **PLENTY)
        wait_until_suspended(host)
    wait_until(lambda: {"kbz_test", "plenty"} <= set(gate.redis.call("HKEYS", "mailcore:suspensions")),
               "both suspensions in Redis")
