"""Rollback goes back to a kept generation and holds until Vault has another value, or --force"""

from harness.claims import claim, claim_equal


def run(site):
    first = site.provide()
    site.sync.once()
    second = site.provide()
    site.sync.once()
    site.sync.run("rollback").says("rollback|generation", "not (proved|checked)|without a check")
    site.claim_in_postfix(first)
    claim_equal(site.sync.status()["generation"], 1, "the generation that status tells")
    claim(site.sync.status()["held"], "status does not say held")
    for _ in range(2):
        site.sync.once()
    site.claim_in_postfix(first)
    site.claim_reloads(3)
    site.sync.once("--force")
    site.claim_in_postfix(second)
    claim(not site.sync.status()["held"], "status says held after --force")
    site.claim_reloads(4)
    site.sync.run("rollback", "1")
    site.claim_in_postfix(first)
    third = site.provide()
    site.sync.once()
    site.claim_in_postfix(third)
    claim(not site.sync.status()["held"], "status says held after another value")
    site.claim_mail_flows()
    site.sync.run("rollback", "99", expect=(1, 64)).says("99")
    site.claim_in_postfix(third)
