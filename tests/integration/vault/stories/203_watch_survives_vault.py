"""A watch outlives Vault's death, seal and return, and takes the next rotation"""

from harness.claims import claim
from harness.waiting import wait_until


def run(site):
    password = site.provide()
    with site.sync.watch() as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{password}", "the first generation")
        site.vault.kill()
        watch.wait_to_say("cache")
        site.claim_mail_flows()
        site.vault.start(unsealed=False)
        watch.wait_to_say("sealed")
        claim(watch.is_running(), "the watch ended")
        site.vault.unseal()
        rotated = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{rotated}", lambda: f"the rotation\n{watch.tail()}")
        site.claim_mail_flows()
    site.claim_reloads(2)
