"""A watch takes a rotation within its interval, with one reload, and a wrong value not at all"""

import time

from harness.claims import claim, claim_equal
from harness.waiting import wait_until
from stand import secrets


def run(site):
    first = site.provide()
    with site.sync.watch() as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{first}", lambda: f"the first generation\n{watch.tail()}")
        second = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{second}", lambda: f"the rotation\n{watch.tail()}")
        site.claim_mail_flows()
        wrong = secrets.new("wrong")
        site.put(wrong)
        watch.wait_to_say("535")
        time.sleep(2.5)                                  # two passes more
        claim(len(site.logins().attempts_of(password=wrong)) <= 3, "the refused value was tried again and again")
        site.claim_in_postfix(second)
        third = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{third}", lambda: f"the correction\n{watch.tail()}")
    site.claim_reloads(3)
    claim_equal(site.generation(), 3, "the current generation")
