"""Stories told of more than one daemon."""

from .claims import claim_each_accepted_message_delivered_once, claim_never_accepted, claim_only_deferred
from .load import Load, Sender

ROUNDS = 2


def a_daemon_is_killed_under_load(gate, daemon):
    """Killed and started again, twice, then restarted in order, while good mail flows and three others try their luck:
    the gap must be no way in, and no mail may be lost in it."""
    good = [Sender(gate, f"good{number}", "10.0.0.250", "amazon@inbound.keybuzz.io") for number in range(3)]
    bad = [Sender(gate, "foreign", "10.66.6.6", "amazon@inbound.keybuzz.io"),
           Sender(gate, "stolen", "10.0.0.250", "sales@shop.example"),
           Sender(gate, "forger", "10.0.0.250", "a@keybuzz.io", headers=["X-KeyBuzz-Tenant: shop"])]
    with Load(bad), Load(good) as load:
        for _ in range(ROUNDS):
            load.wait_for_accepted(10)
            daemon.kill()
            load.wait_for_deferrals(3)
            daemon.start()
            load.wait_for_accepted(10)
        daemon.restart()
        load.wait_for_accepted(10)
    claim_only_deferred(good)
    claim_never_accepted(bad)
    claim_each_accepted_message_delivered_once(gate, good, "kbz_test")
