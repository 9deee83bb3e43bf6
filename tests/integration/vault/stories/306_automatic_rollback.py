"""Where a switch makes deliveries fail at authentication, a watch goes back to the generation that works, and holds"""

from harness.claims import claim, claim_equal
from harness.waiting import wait_until
from stand import secrets


def run(site):
    site.sync.settings["verify"] = {"before_switch": False}
    good = site.provide()
    with site.sync.watch() as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{good}", lambda: f"the first generation\n{watch.tail()}")
        site.claim_mail_flows()
        wrong = secrets.new("wrong")
        site.put(wrong)
        wait_until(lambda: site.login_in_postfix() == f"app:{wrong}", lambda: f"the switch\n{watch.tail()}")
        site.claim_reloads(2)                # else the message still goes with the old login
        site.relay_host.send("waits@example.com")
        wait_until(lambda: site.login_in_postfix() == f"app:{good}", lambda: f"the rollback\n{watch.tail()}")
        site.sink.wait_for("waits@example.com")
        site.claim_mail_flows()
        status = site.sync.status(expect=None)
        claim(status["held"], f"status does not say held: {status}")
        claim_equal(status["generation"], 1, "the generation that status tells")
        before = site.relay_host.reloads()
        watch.wait_to_say("rolled back|rollback")
        better = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{better}", lambda: f"another value\n{watch.tail()}")
        claim_equal(site.relay_host.reloads() - before, 1, "reloads after the rollback")
        claim(not site.sync.status(expect=None)["held"], "status still says held")
