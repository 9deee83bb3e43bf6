"""A reload puts new rules in force, asked for by mailcorectl or by a signal, also for connections already open"""

from harness.claims import claim_accepted, claim_equal, claim_refused
from harness.expectations import Happenings

CONFIG = "one-tenant"

RULES = """
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["{sender}"]
"""
MESSAGE = b"From: a@keybuzz.io\r\n\r\nHello.\r\n"


def run(gate):
    happenings = Happenings(gate)
    with gate.connect(client="10.0.0.250") as connection:
        claim_accepted(send(connection))
        gate.write_config(RULES.format(sender="@elsewhere.example"))
        done = gate.ctl("reload")
        claim_equal(done.returncode, 0, f"status of mailcorectl reload, which said {done.stdout + done.stderr!r}")
        claim_refused(send(connection), "sender_not_allowed")
        gate.write_config(RULES.format(sender="@keybuzz.io"))
        for daemon in gate.daemons.values():
            daemon.reload_by_signal()
        claim_accepted(send(connection))
        connection.quit()
    for daemon in gate.daemons:
        happenings.check_metric(daemon, "mailcore_reloads_total", frozenset({("result", "ok")}), 2)
        happenings.check_metric(daemon, "mailcore_reloads_total", frozenset({("result", "failed")}), 0)
    gate.postfix.wait_until_idle()
    claim_equal(len(gate.sink.all()), 2, "messages delivered")


def send(connection):
    return connection.send_mail("a@keybuzz.io", ["buyer@example.com"], MESSAGE)
