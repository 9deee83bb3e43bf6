"""With Postfix stopped the switch stands, and the reload is owed and made up by the next run"""

from harness.claims import claim_equal


def parts(site):
    yield "stopped at the switch", stopped
    yield "reload: never tells the operator", never


def stopped(site):
    site.provide()
    site.sync.once()
    new = site.provide()
    site.relay_host.stop()
    try:
        site.sync.once(expect=(0, 1)).says("reload|not running")
        site.claim_in_postfix(new)
    finally:
        site.relay_host.start()
    site.sync.once()
    site.claim_reloads(2)
    site.sync.once()
    site.claim_reloads(2)
    site.claim_mail_flows()


def never(site):
    site.sync.settings["postfix"]["reload"] = "never"
    site.provide()
    site.sync.once().says("reload")
    site.claim_reloads(0)
    claim_equal(site.generation(), 1, "the current generation")
