"""use NAME switches the active relay, survives later runs, is audited, and works while Vault is away"""

from harness.claims import claim, claim_equal


def run(site):
    site.provide()
    site.provide("second", name="other", user="other-app")
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.once()
    site.claim_mail_flows()
    site.sync.run("use", "other")
    site.claim_mail_flows("other-app", "second")
    claim_equal(site.sync.status()["active"], "other", "the active relay that status tells")
    claim(any("other" in str(line) and "use" in str(line) for line in site.sync.audit()), "use is not in the audit log")
    site.sync.once()
    site.claim_mail_flows("other-app", "second")
    site.vault.seal()
    site.sync.run("use", "primary", expect=(0, 10))
    site.claim_mail_flows()
    site.sync.run("use", "nosuch", expect=(1, 64)).says("nosuch", "primary", "other")
    site.claim_reloads(3)
