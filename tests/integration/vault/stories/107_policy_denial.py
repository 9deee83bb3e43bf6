"""A path outside the policy is told as such, costs one new login, and none again until the token expires"""

import time

from harness.claims import claim
from harness.waiting import wait_until


def run(site):
    password = site.provide()
    site.sync.once()
    site.sync.settings["relays"]["primary"]["secret"] = "secret/denied/mail"
    mark = site.vault.mark()
    site.sync.once(expect=1).says("polic|denied", "secret/(data/)?denied/mail")
    claim(site.vault.count(mark, path="auth/approle/login") <= 2, "more than one new login")
    site.claim_in_postfix(password)
    mark = site.vault.mark()
    with site.sync.watch():
        wait_until(lambda: site.vault.count(mark, path="secret/data/denied/mail") >= 4, "four denied reads")
        time.sleep(0.5)
        claim(site.vault.count(mark, path="auth/approle/login") <= 2, "a login for every denied read")
    site.claim_mail_flows()
