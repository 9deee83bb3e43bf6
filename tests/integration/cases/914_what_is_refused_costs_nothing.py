"""What is refused or given up costs nothing: refusals at every stage, RSET, and a connection dropped in DATA"""

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, used

CONFIG = "limits"

AT_RCPT = {"a@blocked.example": "554 * (recipient_not_allowed)", "a@bad.example": "554 * (rule)"}
AT_THE_END = {
    "554 * (from_not_allowed)": ["From: ceo@bank.example"],
    "554 * (from_malformed)": ["From: a@careful.example", "From: b@careful.example"],
    "554 * (tenant_claim_refused)": ["X-KeyBuzz-Tenant: kbz_test"],
    "554 * (ticket_malformed)": ["X-KeyBuzz-Ticket: nonsense"],
    "4* (rule)": ["From: later@careful.example"],
}


def run(gate):
    happenings = Happenings(gate)
    with Application(gate, "a@careful.example", "10.1.10.1") as application:
        for service in ("25", "milter-alone"):
            with Application(gate, "a@careful.example", "10.1.10.1", service=service) as refused:
                check_refusals(refused)
                check_given_up(refused)
        claim_equal(used(gate, "careful"), {}, "used by what was refused or given up")
        application.passes_exactly(3)
    claim_delivered(gate, happenings, [application])


def check_refusals(application):
    for recipient, pattern in AT_RCPT.items():
        claim_equal(application.connection.command(f"MAIL FROM:<{application.sender}>").code, 250, "the reply to MAIL")
        reply = application.connection.command(f"RCPT TO:<{recipient}>")
        claim(reply.matches(pattern), f"expected {pattern}, got {reply}")
        application.connection.command("RSET")
    for pattern, headers in AT_THE_END.items():
        application.is_refused(pattern, headers=headers)
    application.is_refused("552 * (size_exceeded)", size=10_000)
    application.is_refused("552 * (size_exceeded)", parameters=" SIZE=10000")


def check_given_up(application):
    """More often than the limit would let pass."""
    for _ in range(4):
        for command in (f"MAIL FROM:<{application.sender}>", "RCPT TO:<buyer@example.com>", "RSET"):
            claim_equal(application.connection.command(command).code, 250, f"the reply to {command}")
        claim_equal(application.begin().code, 354, "the reply to DATA")
        application.connection.send(application.message(2_000))
        application.drop()
