"""Hundreds of forged headers in one message are all removed, and strangers at the sockets disturb nobody"""

import socket

from harness import stamp
from harness.claims import claim_accepted, claim_equal
from harness.expectations import Happenings

CONFIG = "one-tenant"
COPIES = 300


def run(gate):
    for _ in range(20):
        knock(gate)
    happenings = Happenings(gate)
    headers = "".join(f"x-keybuzz-STAMP{' ' * (number % 3)}: forged {number}\r\nX-Other: {number}\r\n"
                      for number in range(COPIES))
    message = f"From: a@keybuzz.io\r\nMessage-ID: <1@keybuzz.io>\r\n{headers}\r\nHello.\r\n".encode()
    with gate.connect(client="10.0.0.250") as connection:
        claim_accepted(connection.send_mail("a@keybuzz.io", ["buyer@example.com"], message))
        connection.quit()
    delivered = gate.sink.wait_for("buyer@example.com")
    delivered.claimed = True
    claim_equal(len(delivered.values(stamp.SIGNATURE)), 1, "signature headers")
    claim_equal(delivered.values("X-Other"), [str(number) for number in range(COPIES)], "the other headers")
    happenings.check_metric("milter", "mailcore_forged_headers_removed_total", frozenset(), COPIES)
    gate.postfix.wait_until_idle()
    happenings.check_universal_claims()


def knock(gate):
    """Port probes: a connection without a word, and one with nonsense."""
    for daemon in gate.daemons.values():
        for text in (b"", b"GET / HTTP/1.0\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(daemon.socket_path))
                probe.sendall(text)
