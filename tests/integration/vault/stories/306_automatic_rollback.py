"""Where a switch makes deliveries fail at authentication, a watch goes back to the generation that works, and holds"""

from harness.claims import claim_equal
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
        status = wait_until(lambda: held(site), "status to say held")
        claim_equal(status["generation"], 1, "the generation that status tells")
        watch.wait_to_say("rolled back|rollback")
        better = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{better}", lambda: f"another value\n{watch.tail()}")
        site.claim_reloads(4)                # one each: first, wrong, back, better
        wait_until(lambda: not site.sync.status(expect=None)["held"], "status to say that nothing is held")


def held(site):
    status = site.sync.status(expect=None)
    return status if status["held"] else None
