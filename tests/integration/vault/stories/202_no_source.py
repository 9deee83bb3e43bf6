"""Without Vault, cache and environment there is nothing to render: exit 1, and nothing is touched"""

from harness.claims import claim_equal


def run(site):
    site.provide()
    site.vault.seal()
    site.sync.once(expect=1).says("sealed", "primary")
    claim_equal(site.generation(), None, "the current generation")
    site.claim_reloads(0)
