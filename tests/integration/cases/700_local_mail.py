"""Local mail by sendmail(1) is stripped, never refused and not stamped

Cron jobs and applications on the relay host itself come through non_smtpd_milters, without client, login or tenant.
Refusing them would leave them in the queue for ever, so whatever they are, they pass; what they forge is taken out."""

from harness import stamp
from harness.claims import claim, claim_equal
from harness.expectations import Happenings

CONFIG = "default"

MESSAGE = (b"From: root@mail-core.test\nSubject: nightly\nX-KeyBuzz-Tenant: kbz_test\nx-keybuzz-tenant : shop\n"
           b"X-KeyBuzz-Ticket: two words\nX-KeyBuzz-Stamp: forged\n\nHello.\n")


def run(gate):
    happenings = Happenings(gate)
    send_and_check(gate, happenings, "root@mail-core.test", "admin@example.com")
    send_and_check(gate, happenings, "", "other@blocked.example")
    happenings.check_metric("milter", "mailcore_forged_headers_removed_total", frozenset(), 8)
    happenings.check_metric("milter", "mailcore_decisions_total", frozenset({("action", "reject")}), 0)
    happenings.check_universal_claims()


def send_and_check(gate, happenings, sender, recipient):
    gate.postfix.sendmail(sender, [recipient], MESSAGE)
    message = gate.sink.wait_for(recipient)
    message.claimed = True
    for name in (stamp.TENANT, stamp.TICKET, stamp.SIGNATURE):
        claim_equal(message.values(name), [], f"{name} in local mail")
    claim(b"Hello." in message.body, "the body arrives")
    happenings.check_log("milter", {"action": "pass", "reason": "ok", "tenant": "", "sender": sender})
