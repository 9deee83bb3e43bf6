"""A daemon that dies in the middle of a message: the message is deferred or fully checked, never half

Each daemon is killed after each step of a transaction. What Postfix then says is either a deferral, or, where the
other daemon does the rest of the checking, an acceptance: then the message is stamped."""

from harness import stamp
from harness.claims import claim, claim_accepted, claim_equal

CONFIG = "one-tenant"
MESSAGE = b"From: a@keybuzz.io\r\nMessage-ID: <1@keybuzz.io>\r\nX-KeyBuzz-Stamp: forged\r\n\r\nHello.\r\n"
FORGED = b"X-KeyBuzz-Tenant: shop\r\n" + MESSAGE
STEPS = ("EHLO", "MAIL", "RCPT", "DATA")


def run(gate):
    for daemon in (gate.policy, gate.milter):
        for step in STEPS:
            for message in (MESSAGE, FORGED):
                reply = send_and_kill(gate, daemon, step, message)
                title = f"{daemon.name} killed after {step}: {reply}"
                claim(reply.is_success or reply.code // 100 == 4 or message is FORGED, f"refused for good; {title}")
                claim(not (reply.is_success and message is FORGED), f"a forged claim was accepted; {title}")
                check_delivery(gate, reply, title)
                daemon.start()
                check_it_works_again(gate)


def send_and_kill(gate, daemon, step, message):
    """The reply that decided, with the daemon killed after this step."""
    commands = {"EHLO": None, "MAIL": "MAIL FROM:<a@keybuzz.io>", "RCPT": "RCPT TO:<buyer@example.com>", "DATA": "DATA"}
    with gate.connect(client="10.0.0.250") as connection:
        for name, command in commands.items():
            reply = connection.command(command) if command else None
            if reply and not reply.is_success:
                return reply
            if name == step:
                daemon.kill()
        connection.send(message + b".\r\n")
        return connection.read_reply()


def check_delivery(gate, reply, title):
    gate.postfix.wait_until_idle()
    if not reply.is_success:
        return claim_equal(len(gate.sink.all()), 0, f"deliveries; {title}")
    message = gate.sink.wait_for("buyer@example.com")
    claim_equal(message.values(stamp.TENANT), ["kbz_test"], f"tenant headers; {title}")
    claim_equal(stamp.problem(message), None, f"problem of the stamp; {title}")
    gate.sink.clear()


def check_it_works_again(gate):
    with gate.connect(client="10.0.0.250") as connection:
        claim_accepted(connection.send_mail("a@keybuzz.io", ["buyer@example.com"], MESSAGE))
        connection.quit()
    gate.sink.wait_for("buyer@example.com")
    gate.sink.clear()
