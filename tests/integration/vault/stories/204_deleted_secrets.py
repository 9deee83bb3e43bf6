"""A deleted or destroyed secret blanks nothing: the old login stays, and the run says so"""


def parts(site):
    yield "the latest version deleted", lambda site: gone(site, lambda path: site.vault.delete(path), "deleted")
    yield "the latest version destroyed", lambda site: gone(site, lambda path: site.vault.destroy(path, [1]), "destroyed|deleted")
    yield "all of it removed", lambda site: gone(site, lambda path: site.vault.forget(path), "no secret|not found|never|nothing|no such")


def gone(site, remove, words):
    password = site.provide()
    site.sync.once()
    remove(site.path())
    site.sync.once(expect=1).says(words, "primary")
    site.claim_generation(1)
    site.claim_in_postfix(password)
    site.claim_mail_flows()
    better = site.provide()
    site.sync.once()
    site.claim_in_postfix(better)
    site.claim_reloads(2)
