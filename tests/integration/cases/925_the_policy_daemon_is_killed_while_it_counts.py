"""With count_at: policy the policy daemon killed under load: never more than the burst is delivered

What was counted and not accepted is what the daemon had in hand when it died."""

from harness.stories import a_daemon_is_killed_while_it_counts

CONFIG = "limits"


def run(gate):
    a_daemon_is_killed_while_it_counts(gate, gate.policy, "policy")
