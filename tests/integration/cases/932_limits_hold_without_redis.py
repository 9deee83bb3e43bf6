"""Redis away from the start: the fallback counts and holds the limit for this host, over a kill of both daemons"""

from harness.claims import claim, claim_equal
from harness.limits import Application, claim_used
from harness.waiting import wait_until

CONFIG = "limits-redis"


def run(gate):
    gate.redis.stop()
    gate.kill_daemons()
    gate.start_daemons()
    with Application(gate) as application:
        application.passes(20)
        gate.kill_daemons()
        gate.start_daemons()
    with Application(gate) as application:
        application.passes_exactly(10)
    claim_used(gate, "kbz_test", messages=30, recipients=30)
    check_reset(gate)
    for name, daemon in gate.daemons.items():
        claim(gate.events(daemon, "limit_store_away"), f"{name} did not tell that Redis is away")
    check_redis_comes(gate)
    gate.postfix.wait_until_idle()
    claim_equal(len(gate.sink.all()), 31, "messages delivered")


def check_reset(gate):
    """What Redis has counted cannot be forgotten now; the operator is told so."""
    done = gate.ctl("limits", "reset", "kbz_test")
    claim(done.returncode == 1 and "limits-local counts was reset" in done.stderr,
          f"a reset while Redis is away: {done}")
    claim_used(gate, "kbz_test", messages=0, recipients=0)


def check_redis_comes(gate):
    """What the fallback counted stays with it."""
    gate.redis.start()
    for daemon in gate.daemons.values():
        wait_until(lambda: gate.events(daemon, "limit_store_back"), "the daemons to tell that Redis is back")
    with Application(gate) as application:
        application.passes(1)
    claim_used(gate, "kbz_test", messages=1, recipients=1)
