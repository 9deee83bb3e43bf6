"""The milter killed and restarted under load: mail is deferred at worst, none unchecked or unstamped, none lost

Postfix then answers by the default_action of the milter's wiring, for the rest of the session."""

from harness.stories import a_daemon_is_killed_under_load

CONFIG = "one-tenant"


def run(gate):
    a_daemon_is_killed_under_load(gate, gate.milter)
