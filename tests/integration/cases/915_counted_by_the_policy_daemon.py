"""With count_at: policy a message is counted once, at DATA, and what the milter refuses is given back"""

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, claim_used, used
from harness.waiting import wait_until

CONFIG = "limits-at-policy"
TENANT = "kbz_test"


def run(gate):
    happenings = Happenings(gate)
    with Application(gate) as application, Application(gate) as other:
        check_counted_at_data(gate, application)
        check_given_back(gate, application, happenings)
        check_last_place(gate, application, other)
    check_given_up(gate, happenings)
    undecided = check_tenant_known_late(gate)
    claim_delivered(gate, happenings, [application, other, *undecided])


def check_counted_at_data(gate, application):
    claim_equal(application.begin(recipients=2).code, 354, "the reply to DATA")
    claim_used(gate, TENANT, messages=1, recipients=2)
    claim_equal(application.end().code, 250, "the reply to the message")
    claim_used(gate, TENANT, messages=1, recipients=2)


def check_given_back(gate, application, happenings):
    before = happenings.moved("milter", "mailcore_limit_given_back_total")
    refused = [(["From: ceo@bank.example"], 554), (["X-KeyBuzz-Tenant: first"], 554),
               ([f"X-KeyBuzz-Tenant: {TENANT}"] * 1_001, 451)]   # more copies of a claim than the milter trusts
    for number, (headers, code) in enumerate(refused, start=1):
        claim_equal(application.begin(recipients=3).code, 354, "the reply to DATA")
        claim_used(gate, TENANT, messages=2, recipients=5)
        claim_equal(application.end(headers).code, code, "the reply to the message")
        claim_used(gate, TENANT, messages=1, recipients=2)
        happenings.check_metric("milter", "mailcore_limit_given_back_total", frozenset(), before + number)


def check_given_up(gate, happenings):
    """RSET comes before DATA. Who leaves in DATA gets it back from the milter if that has heard of DATA by then, which
    Postfix does not wait for, or else from the policy daemon when this smtpd's next message comes: it is never both
    counted and given back, nor neither."""
    before = happenings.moved("", "mailcore_limit_given_back_total")

    def given_back():
        return happenings.moved("", "mailcore_limit_given_back_total") - before
    with Application(gate, "a@patient.example", "10.0.3.1") as application:
        for command in (f"MAIL FROM:<{application.sender}>", "RCPT TO:<buyer@example.com>", "RSET"):
            claim_equal(application.connection.command(command).code, 250, f"the reply to {command}")
        claim_used(gate, "patient", messages=0)
        for given_up in range(1, 100):
            claim_equal(application.begin().code, 354, "the reply to DATA")
            application.connection.send(application.message(2_000))
            application.drop()
            if given_back() >= 5:
                break
        wait_until(lambda: used(gate, "patient").get("messages/1d", 0) + given_back() == given_up,
                   lambda: f"{given_up} messages to be counted or given back; counted are {used(gate, 'patient')}, "
                           f"given back {given_back()}")
    claim(given_back() > 0, f"none of {given_up} messages that were given up was given back")


def check_last_place(gate, application, other):
    """Two messages with their recipients taken, and one place: the second is refused at DATA."""
    application.passes(2)
    for each in (application, other):
        for command in (f"MAIL FROM:<{each.sender}>", f"RCPT TO:<{each.sender}>"):
            claim_equal(each.connection.command(command).code, 250, f"the reply to {command}")
        each.pending = [each.sender]
    claim_equal(application.connection.command("DATA").code, 354, "the first DATA")
    reply = other.connection.command("DATA")
    claim(reply.matches("450 4.7.1 <DATA>: Data command rejected: Sending limit reached: 4 messages per 1d; * "
                        "(limit_exceeded)"), f"the second DATA: {reply}")
    other.connection.command("RSET")
    claim_equal(application.end().code, 250, "the reply to the message")
    application.is_refused("450 4.7.1 Sending limit reached: * (limit_exceeded)")   # by the milter's peek, at MAIL
    claim_used(gate, TENANT, messages=4, recipients=5)


def check_tenant_known_late(gate):
    """The claim at the end tells whose message it is: then the milter counts it."""
    with Application(gate, "a@both.example", "10.0.2.1") as application:
        application.passes(2, headers=["X-KeyBuzz-Tenant: second"])
        claim_equal(used(gate, "first"), {}, "used by the other tenant")
        application.is_refused("450 4.7.1 Sending limit reached: * (limit_exceeded)",
                               headers=["X-KeyBuzz-Tenant: second"])
        application.passes(1, headers=["X-KeyBuzz-Tenant: first"])
    with Application(gate, "a@second.example", "10.0.2.1") as own:
        own.is_refused("450 4.7.1 Sending limit reached: * (limit_exceeded)")
    claim_used(gate, "first", messages=1)
    claim_used(gate, "second", messages=2)
    return [application, own]
