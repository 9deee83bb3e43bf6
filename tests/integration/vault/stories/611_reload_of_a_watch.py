"""At SIGHUP a watch takes a new configuration and keeps the old one where the new has errors; its token outlives both"""

import signal

from harness.waiting import wait_until


def run(site):
    token = site.vault.token()
    site.sync.settings["vault"]["auth"] = {"method": "token"}
    first = site.provide()
    site.provide("second", name="other")
    with site.sync.watch(environment={"VAULT_TOKEN": token}) as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{first}", lambda: f"the first generation\n{watch.tail()}")

        site.sync.settings["activ"] = "primary"
        reload(site, watch)
        watch.wait_to_say("reload_failed.*unknown key")
        second = site.provide()          # the old configuration goes on
        wait_until(lambda: site.login_in_postfix() == f"app:{second}", lambda: f"the rotation\n{watch.tail()}")

        del site.sync.settings["activ"]
        site.sync.settings["relays"]["other"] = site.relay("other")
        site.sync.settings["active"] = "other"
        reload(site, watch)
        wait_until(lambda: site.sync.status(expect=None)["active"] == "other",
                   lambda: f"the new active relay\n{watch.tail()}")
        site.claim_mail_flows(listener="second")


def reload(site, watch):
    site.sync.write_config()
    watch.child.send_signal(signal.SIGHUP)
