"""mailcorectl setup puts an unwired relay host behind the gate, entrance by entrance, and undo takes all of it back

The relay host is one as it stands before mailcore: who is in mynetworks, and who has a login, sends as anybody."""

from harness import stamp
from harness.claims import claim, claim_accepted, claim_equal, claim_refused
from harness.waiting import wait_until

CONFIG = "one-tenant"
MESSAGE = b"From: a@keybuzz.io\r\nMessage-ID: <1@keybuzz.io>\r\nX-KeyBuzz-Tenant: kbz_test\r\n\r\nHello.\r\n"
ENTRANCES = {"25": {"client": "10.0.0.250"}, "587": {"client": "198.51.100.9", "login": "kbz"}}


def run(gate):
    try:
        put_in_force(gate, lambda: gate.postfix.write_configuration(wired=False))
        before = gate.postfix.settings()
        check_unwired(gate)
        check_shown_only(gate, before)
        put_in_force(gate, lambda: setup(gate, "--apply"))
        check_wired(gate)
        check_asked_again(gate)
        put_in_force(gate, lambda: setup(gate, "--undo"))
        claim_equal(gate.postfix.settings(), before, "Postfix's settings after --undo")
        check_unwired(gate)
    finally:
        put_in_force(gate, gate.postfix.write_configuration)


def put_in_force(gate, change):
    """Stopped meanwhile, so that no smtpd of before is met."""
    gate.postfix.stop()
    try:
        change()
    finally:
        gate.postfix.start()


def setup(gate, *options):
    done = gate.ctl("setup", *options, "--postfix-config", gate.postfix.directories["config"])
    claim_equal(done.returncode, 0, f"status of setup {options}, which said:\n{done.stdout}{done.stderr}\n")
    return done.stdout


def check_shown_only(gate, before):
    shown = setup(gate)
    claim("check_policy_service" in shown and "smtpd_milters" in shown, f"setup shows too little:\n{shown}")
    claim_equal(gate.postfix.settings(), before, "Postfix's settings after setup without --apply")


def check_asked_again(gate):
    """Once wired there is nothing left to do."""
    wired = gate.postfix.settings()
    setup(gate, "--apply")
    claim_equal(gate.postfix.settings(), wired, "Postfix's settings after a second --apply")


def check_unwired(gate):
    """The relay host before mailcore: a foreign sender gets through both entrances."""
    for entrance, evidence in ENTRANCES.items():
        with gate.connect(entrance, **evidence) as connection:
            claim_accepted(connection.send_mail("ceo@bank.example", ["victim@example.com"], MESSAGE))
            connection.quit()
    wait_until(lambda: len(gate.sink.to("victim@example.com")) == len(ENTRANCES), "the foreign senders' messages")
    gate.sink.clear()


def check_wired(gate):
    for entrance, evidence in ENTRANCES.items():
        with gate.connect(entrance, **evidence) as connection:
            reply = connection.send_mail("ceo@bank.example", ["victim@example.com"], MESSAGE)
            claim_refused(reply, "sender_not_allowed")
            smuggled = MESSAGE + b"\n.\nMAIL FROM:<ceo@bank.example>\nRCPT TO:<victim@example.com>\nDATA\nsmuggled\r\n"
            claim_accepted(connection.send_mail("a@keybuzz.io", [f"buyer{entrance}@example.com"], smuggled))
            connection.quit()
        message = gate.sink.wait_for(f"buyer{entrance}@example.com")
        claim_equal(message.values(stamp.TENANT), ["kbz_test"], f"tenant by entrance {entrance}")
        claim_equal(stamp.problem(message), None, f"problem of the stamp by entrance {entrance}")
    check_local_mail(gate)
    gate.postfix.wait_until_idle()
    claim_equal(gate.sink.to("victim@example.com"), [], "messages of foreign senders")
    gate.sink.clear()


def check_local_mail(gate):
    forged = b"From: root\nX-KeyBuzz-Tenant: shop\n\nHello.\n"
    gate.postfix.sendmail("root@mail-core.test", ["admin@example.com"], forged)
    claim_equal(gate.sink.wait_for("admin@example.com").values(stamp.TENANT), [], "tenant headers of local mail")
