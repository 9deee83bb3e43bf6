"""A refusal is told once, as REJECTED: by the gate at each stage, and by Postfix itself; one without a tenant is counted only"""

from harness.claims import claim, claim_equal
from harness.fates import claim_fate, refusing
from harness.outcomes import following, queue_id_of

CONFIG = "default"
MESSAGE = b"From: amazon@inbound.keybuzz.io\r\nMessage-ID: <p@x>\r\nX-KeyBuzz-Ticket: T-p\r\n\r\nHello.\r\n"


def run(gate):
    with following(gate) as outcomes:
        by_the_gate(outcomes)
        of_no_tenant(outcomes)
        by_postfix(gate, outcomes)


def by_the_gate(outcomes):
    shop = {"client": "10.0.1.1", "sender": "sales@shop.example"}
    reply = outcomes.try_to_send("x@blocked.example", **shop)
    claim(reply.matches("554 5.7.1 * (recipient_not_allowed)"), f"at RCPT: {reply}")
    early, = outcomes.receiver.wait_for(tenantId="shop")
    claim_equal((early["status"], early["recipient"], early["dsn"]), ("REJECTED", "x@blocked.example", "5.7.1"), "the refusal at RCPT")
    reply = outcomes.try_to_send("a@example.com", "b@example.com", headers=["From: other@bank.example"])
    claim(reply.matches("554 5.7.1 * (from_malformed)"), f"at the end: {reply}")
    late, = outcomes.receiver.wait_for(tenantId="kbz_test")
    claim_equal((late["status"], late["recipient"], late["reason"]), ("REJECTED", "", str(reply)), "the refusal at the end")
    claim_equal(len(outcomes.list()), 2, "outcomes after two refusals")


def of_no_tenant(outcomes):
    reply = outcomes.try_to_send("a@example.com", client="10.66.6.6")
    claim(reply.matches("554 5.7.1 * (client_not_allowed)"), f"of no tenant: {reply}")


def by_postfix(gate, outcomes):
    """Of a recipient asked for before any was accepted Postfix names no queue id: that is counted only."""
    with refusing(gate, "nobody@example.com"), gate.connect("refusing", client="10.0.0.250") as connection:
        connection.command("MAIL FROM:<amazon@inbound.keybuzz.io>")
        connection.command("RCPT TO:<nobody@example.com>")
        connection.command("RCPT TO:<buyer@example.com>")
        refused = connection.command("RCPT TO:<nobody@example.com>")
        claim(refused.matches("554 5.7.1 *not here"), f"by Postfix: {refused}")
        accepted = connection.data(MESSAGE)
        connection.quit()
        queue_id = queue_id_of(accepted)
        claim_fate(outcomes, queue_id, "nobody@example.com", "REJECTED", ticketId="T-p", dsn="5.7.1", reason=str(refused))
        claim_fate(outcomes, queue_id, "buyer@example.com", "SENT", ticketId="T-p")
    claim_equal(len(outcomes.list()), 4, "outcomes in all")
    outcomes.wait_for_metric(2, "mailcore_outcomes_postfix_rejects_total")
    outcomes.wait_for_metric(3, "mailcore_email_failed_total", provider="LOCAL")
