"""With Vault away the cache serves: exit 10, and mail flows even from a relay host that has lost its maps"""

from harness.claims import claim_equal


def parts(site):
    yield "sealed", lambda site: away(site, site.vault.seal, site.vault.unseal, "sealed")
    yield "stopped", lambda site: away(site, site.vault.stop, site.vault.start, "reach|connect|refused")
    yield "killed", lambda site: away(site, site.vault.kill, site.vault.start, "reach|connect|refused")
    yield "restarted and still sealed", restarted


def away(site, leave, come_back, words):
    password = site.provide()
    site.sync.once()
    leave()
    site.sync.once(expect=10).says(words, "cache")
    site.claim_reloads(1)
    site.relay_host.forget_everything()
    site.sync.once(expect=10)
    site.claim_in_postfix(password)
    site.claim_mail_flows()
    claim_equal(site.sync.status(expect=(0, 10))["source"], "cache", "the source that status tells")
    come_back()
    site.sync.once()
    claim_equal(site.sync.status()["source"], "vault", "the source that status tells")


def restarted(site):
    away(site, lambda: (site.vault.stop(), site.vault.start(unsealed=False)), site.vault.unseal, "sealed")
