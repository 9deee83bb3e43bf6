"""mailcorectl finds the stamp of a delivered message genuine, and none that was altered in any signed part

The statuses are for scripts: 0 genuine, 1 not."""

from harness.claims import claim_accepted, claim_equal

CONFIG = "one-tenant"
SENDER = "amazon@inbound.keybuzz.io"
MESSAGE = (b"From: amazon@inbound.keybuzz.io\r\nMessage-ID: <order-4711@keybuzz.io>\r\nX-KeyBuzz-Ticket: T-4711\r\n"
           b"Subject: Your order\r\n\r\nHello.\r\n")


def run(gate):
    raw = delivered(gate)
    verify = Verifier(gate)
    claim_equal(verify(raw), 0, "status for the message as delivered")
    claim_equal(verify(raw, sender="amazon@INBOUND.KeyBuzz.io"), 0, "status with the sender's domain in other case")
    claim_equal(verify(b"Return-Path: <amazon@inbound.keybuzz.io>\r\n" + raw, sender=None), 0, "status by Return-Path")
    claim_equal(verify(raw.replace(b"\r\n", b"\n")), 0, "status for the message with Unix line ends")
    claim_equal(verify(raw.replace(b"Hello.", b"Other.")), 0, "status with another body, which no stamp proves")
    for title, altered in alterations(raw):
        claim_equal(verify(altered), 1, f"status for a message with {title}")
    check_a_sender_in_mixed_case(gate, verify)
    claim_equal(verify(raw, sender="other@keybuzz.io"), 1, "status with another envelope sender")
    claim_equal(verify(raw, sender=""), 1, "status with the null sender")


def delivered(gate, sender=SENDER, recipient="buyer@example.com"):
    with gate.connect(client="10.0.0.250") as connection:
        claim_accepted(connection.send_mail(sender, [recipient], MESSAGE))
        connection.quit()
    return gate.sink.wait_for(recipient).raw


def check_a_sender_in_mixed_case(gate, verify):
    """What the receiver's Return-Path says is the sender as it was sent, and that must verify."""
    sender = "Orders+T-4711@KeyBuzz.io"
    raw = delivered(gate, sender, "other@example.com")
    claim_equal(gate.sink.wait_for("other@example.com").sender, sender, "envelope sender as delivered")
    claim_equal(verify(raw, sender=sender), 0, "status with a sender in mixed case, as delivered")


def alterations(raw):
    stamp_line = next(line for line in raw.split(b"\r\n") if line.startswith(b"X-KeyBuzz-Stamp:"))
    yield "another tenant", raw.replace(b"X-KeyBuzz-Tenant: kbz_test", b"X-KeyBuzz-Tenant: shop")
    yield "another ticket", raw.replace(b"T-4711", b"T-4712")
    yield "no ticket", raw.replace(b"X-KeyBuzz-Ticket: T-4711\r\n", b"")
    yield "another Message-ID", raw.replace(b"<order-4711@", b"<order-4712@")
    yield "no Message-ID", raw.replace(b"Message-ID: <order-4711@keybuzz.io>\r\n", b"")
    yield "no stamp", raw.replace(stamp_line + b"\r\n", b"")
    yield "a stamp of another time", raw.replace(b"; t=1", b"; t=2")
    yield "a stamp of an unknown key", raw.replace(b"k=k1;", b"k=k9;")
    yield "a stamp of the other key", raw.replace(b"k=k1;", b"k=k0;")
    yield "a stamp cut short", raw.replace(stamp_line, stamp_line[:-8])


class Verifier:
    def __init__(self, gate):
        self.gate = gate
        self.file = gate.folder / "message.eml"

    def __call__(self, raw, sender=SENDER):
        self.file.write_bytes(raw)
        return self.gate.ctl("stamp", "verify", self.file, *([] if sender is None else ["--sender", sender])).returncode
