"""Stories told of more than one daemon."""

from .claims import claim, claim_each_accepted_message_delivered_once, claim_never_accepted, claim_only_deferred
from .limits import used
from .load import Load, Sender
from .waiting import wait_until

ROUNDS = 2

COUNTING = """
limits: {{store: "lmdb:@STATE@/limits", count_at: {count_at}}}
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    limits:  [{{messages: 60, per: 1d}}]
"""
BURST, COUNTED_SENDERS, KILLS = 60, 4, 3


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


def a_daemon_is_killed_while_it_counts(gate, daemon, count_at):
    """Killed and started again until the limit is reached: never more than the burst is delivered. A message that was
    counted and whose answer died with the daemon stays counted: one a connection and kill, at most."""
    gate.write_config(COUNTING.format(count_at=count_at))
    gate.kill_daemons()
    gate.start_daemons()
    senders = [Sender(gate, f"s{number}", "10.0.0.250", "a@keybuzz.io", gives_up=True)
               for number in range(COUNTED_SENDERS)]
    with Load(senders) as load:
        for _ in range(KILLS):
            load.wait_for_accepted(8)
            daemon.kill()
            load.wait_for_deferrals(2)
            daemon.start()
        wait_until(lambda: refusals_by_limits(senders) >= 2 * COUNTED_SENDERS, "the limit to be reached")
    claim_only_deferred(senders)
    claim_each_accepted_message_delivered_once(gate, senders, "kbz_test")
    delivered, counted = len(gate.sink.all()), used(gate).get("messages/1d", 0)
    claim(BURST - KILLS * COUNTED_SENDERS <= delivered <= BURST,
          f"{delivered} messages were delivered where {BURST} may")
    claim(counted == BURST, f"{counted} messages are counted, not {BURST}")


def refusals_by_limits(senders):
    return sum(reply.endswith("(limit_exceeded)") for sender in senders for reply in sender.replies)
