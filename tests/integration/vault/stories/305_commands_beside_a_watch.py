"""once, use and rollback work beside a running watch, which sees what they did"""

import time

from harness.waiting import wait_until


def run(site):
    first = site.provide()
    site.provide("second", name="other")
    site.sync.settings["relays"]["other"] = site.relay("other")
    with site.sync.watch() as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{first}", lambda: f"the first generation\n{watch.tail()}")
        site.claim_mail_flows()
        site.sync.run("use", "other")
        site.claim_mail_flows(listener="second")
        time.sleep(2.5)                                  # passes of the watch
        site.claim_mail_flows(listener="second")
        site.sync.run("rollback")
        site.claim_mail_flows(listener="primary")
        time.sleep(2.5)
        site.claim_mail_flows(listener="primary")
        site.sync.once()
    site.claim_reloads(3)
