"""With count_at: policy what the milter refuses is given back to Redis; if Redis does not hear it, no answer changes"""

from harness.claims import claim_equal
from harness.limits import Application, claim_used

CONFIG = "limits-redis"
CONFIGURATION = """
limits: {store: "@REDIS@", fallback: "lmdb:@STATE@/limits-local", count_at: policy}
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    limits:  [{messages: 4, per: 1d}, {bytes: 1MiB, per: 1d}]
"""
FORGED = ["From: ceo@bank.example"]


def run(gate):
    gate.write_config(CONFIGURATION)
    gate.restart_daemons()
    with Application(gate) as application:
        application.passes(1)
        claim_equal(application.begin().code, 354, "the reply to DATA")
        claim_used(gate, "kbz_test", messages=2)
        claim_equal(application.end(FORGED).code, 554, "the reply to the message")
        claim_used(gate, "kbz_test", messages=1)
        claim_equal(application.begin().code, 354, "the reply to DATA")
        gate.redis.pause()
        reply = application.end(FORGED)
        claim_equal(str(reply), "554 5.7.1 Header From not allowed for this tenant (from_not_allowed)", "the reply")
        gate.redis.resume()
    gate.postfix.wait_until_idle()
