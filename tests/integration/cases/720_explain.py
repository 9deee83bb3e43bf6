"""mailcorectl explain says of every request what the gate then does

Explain and daemons share one rule set; here their answers are compared over the wire, refusal by refusal."""

import json

from harness.claims import claim, claim_equal

CONFIG = "default"

REQUESTS = [  # client, login, sender, recipient, what becomes of it
    ("10.0.0.250", "", "amazon@inbound.keybuzz.io", "buyer@example.com", "ok"),
    ("10.0.0.250", "", "ceo@bank.example", "buyer@example.com", "sender_not_allowed"),
    ("10.66.6.6", "", "amazon@inbound.keybuzz.io", "buyer@example.com", "client_not_allowed"),
    ("10.0.1.10", "", "sales@shop.example", "x@blocked.example", "recipient_not_allowed"),
    ("10.0.1.10", "", "sales@shop.example", "x%blocked.example@mail-core.test", "recipient_not_allowed"),
    ("10.0.5.1", "", "a@asleep.example", "buyer@example.com", "tenant_suspended"),
    ("10.0.10.1", "", "a@ruled.example", "x@bad.example", "rule"),
    ("198.51.100.9", "shop", "sales@shop.example", "buyer@example.com", "ok"),
    ("198.51.100.9", "shop", "kbz@keybuzz.io", "buyer@example.com", "sender_not_allowed"),
    ("10.0.0.250", "nobody", "kbz@keybuzz.io", "buyer@example.com", "login_unknown"),
]


def run(gate):
    for client, login, sender, recipient, reason in REQUESTS:
        title = f"{client} {login} <{sender}> to <{recipient}>"
        explained = explain(gate, client_address=client, sasl_username=login, sender=sender, recipient=recipient)
        claim_equal(explained["reason"], reason, f"explain's reason for {title}")
        claim_equal(explained["action"], "pass" if reason == "ok" else "reject", f"explain's action for {title}")
        claim(explained["trace"], f"explain's trace for {title} is empty")
        claim_equal(decided(gate, client, login, sender, recipient), reason, f"the gate's reason for {title}")


def explain(gate, **attributes):
    words = [f"{name}={value}" for name, value in attributes.items() if value]
    done = gate.ctl("explain", "protocol_state=RCPT", *words, "--json")
    claim_equal(done.returncode, 0, f"status of explain, which said {done.stderr!r}")
    return json.loads(done.stdout)


def decided(gate, client, login, sender, recipient):
    """The policy daemon's word, with Postfix wide open behind it."""
    with gate.connect("policy-alone", client=client, login=login or None) as connection:
        connection.command(f"MAIL FROM:<{sender}>")
        reply = connection.command(f"RCPT TO:<{recipient}>")
        connection.quit()
    return "ok" if reply.is_success else reply.text.rpartition("(")[2].rstrip(")")
