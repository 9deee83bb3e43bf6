"""A login that Vault refuses is exit 12, even where the cache serves; mail still flows"""

from harness.claims import claim


def run(site):
    password = site.provide()
    good = (site.sync.given / "secret-id").read_text()
    site.sync.once()
    site.sync.give("secret-id", "0b5d5e9e-1111-2222-3333-444455556666\n")
    mark = site.vault.mark()
    site.sync.once(expect=12).says("approle")
    claim(site.vault.count(mark, path="auth/approle/login") <= 2, "a refused login was tried again and again")
    site.claim_generation(1)
    site.claim_in_postfix(password)
    site.claim_mail_flows()
    site.sync.give("secret-id", good)
    site.sync.once()
    site.claim_reloads(1)
