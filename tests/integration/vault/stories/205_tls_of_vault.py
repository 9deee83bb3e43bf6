"""Vault's certificate is checked against the configured CA, and no token is sent to a server that fails"""

from harness.claims import claim_equal


def run(site):
    site.provide()
    site.sync.settings["vault"]["ca_cert"] = str(site.stranger.certificate)
    mark = site.vault.mark()
    site.sync.once(expect=1).says("certificate|tls|ssl")
    claim_equal(site.vault.asked(mark), [], "what a stranger was asked")
    site.sync.settings["vault"]["ca_cert"] = str(site.vault.ca_file)
    site.sync.once()
    site.sync.settings["vault"]["ca_cert"] = str(site.stranger.certificate)
    site.sync.once(expect=10).says("certificate|tls|ssl", "cache")
    del site.sync.settings["vault"]["ca_cert"]
    site.sync.once(expect=10)
