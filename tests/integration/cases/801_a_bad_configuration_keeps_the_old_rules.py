"""A configuration error on reload keeps the old rules in force, names file, line and column, and is counted"""

import re

from harness.claims import claim, claim_accepted, claim_refused
from harness.expectations import Happenings

CONFIG = "one-tenant"

BAD = {
    "an unknown key": "tenants:\n  kbz_test:\n    clients: [10.0.0.250]\n    sendrs: ['@keybuzz.io']\n",
    "a duplicate key": "tenants:\n  kbz_test:\n    clients: [10.0.0.250]\n    clients: [10.0.0.251]\n",
    "a wrong type": "tenants: 5\n",
    "an unknown network": "tenants:\n  kbz_test:\n    clients: [$nowhere]\n    senders: ['@keybuzz.io']\n",
    "no address": "tenants:\n  kbz_test:\n    clients: [10.0.0.950]\n    senders: ['@keybuzz.io']\n",
    "broken YAML": "tenants: {kbz_test: [\n",
}
MESSAGE = b"From: a@keybuzz.io\r\n\r\nHello.\r\n"


def run(gate):
    happenings = Happenings(gate)
    for title, text in BAD.items():
        gate.write_config(text)
        done = gate.ctl("reload")
        said = done.stdout + done.stderr
        claim(done.returncode != 0, f"mailcorectl reload reported success with {title}")
        place = re.escape(str(gate.config)) + r":\d+:\d+: "
        claim(re.search(place, said), f"no file:line:column for {title} in:\n{said}")
        check_old_rules(gate, title)
    for name, daemon in gate.daemons.items():
        daemon.reload_by_signal()
        happenings.check_metric(name, "mailcore_reloads_total", frozenset({("result", "failed")}), len(BAD) + 1)
        happenings.check_metric(name, "mailcore_reloads_total", frozenset({("result", "ok")}), 0)
    check_old_rules(gate, "a signal")
    check_the_way_back(gate)


def check_old_rules(gate, title):
    with gate.connect(client="10.0.0.250") as connection:
        claim_accepted(connection.send_mail("a@keybuzz.io", [f"{title.replace(' ', '-')}@example.com"], MESSAGE))
        claim_refused(connection.send_mail("evil@evil.example", ["victim@example.com"], MESSAGE), "sender_not_allowed")
        connection.quit()


def check_the_way_back(gate):
    """The next good configuration is taken as if nothing had been."""
    gate.write_config("tenants:\n  shop:\n    clients: [10.0.1.1]\n    senders: ['@shop.example']\n")
    done = gate.ctl("reload")
    claim(done.returncode == 0, f"mailcorectl reload failed on a good configuration: {done.stdout + done.stderr}")
    with gate.connect(client="10.0.0.250") as connection:
        claim_refused(connection.send_mail("a@keybuzz.io", ["victim@example.com"], MESSAGE), "client_not_allowed")
        connection.quit()
