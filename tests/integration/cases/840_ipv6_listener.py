"""The gate works on an IPv6 listener with a real IPv6 client

Where the machine has no IPv6 loopback the connection runs over IPv4 and only the client's address is IPv6 (by
XCLIENT): the gate sees the same."""

from harness import stamp
from harness.claims import claim_accepted, claim_equal, claim_refused
from harness.expectations import Happenings

CONFIG = "one-tenant"
MESSAGE = b"From: a@keybuzz.io\r\nMessage-ID: <1@keybuzz.io>\r\n\r\nHello.\r\n"


def run(gate):
    happenings = Happenings(gate)
    has_listener = len(gate.postfix.endpoints["25"]) > 1
    with gate.connect(client=None if has_listener else "::1", listener=-1) as connection:
        claim_accepted(connection.send_mail("a@keybuzz.io", ["buyer@example.com"], MESSAGE))
        claim_refused(connection.send_mail("a@shop.example", ["victim@example.com"], MESSAGE), "sender_not_allowed")
        connection.quit()
    message = gate.sink.wait_for("buyer@example.com")
    message.claimed = True
    claim_equal(message.values(stamp.TENANT), ["kbz_test"], "tenant of the delivered message")
    happenings.check_log("milter", {"action": "pass", "client": "::1", "tenant": "kbz_test"})
    gate.postfix.wait_until_idle()
    happenings.check_universal_claims()
