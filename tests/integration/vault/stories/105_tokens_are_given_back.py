"""One-shot runs revoke the token they took"""

from harness.claims import claim_equal


def run(site):
    site.provide()
    before = site.vault.living_tokens()
    for command in (("once",), ("verify",), ("diff",)):
        site.sync.run(*command)
    claim_equal(site.vault.living_tokens() - before, set(), "tokens left behind")
