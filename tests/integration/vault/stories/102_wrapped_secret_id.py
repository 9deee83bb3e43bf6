"""A wrapped secret id is unwrapped once and kept: the spent token in the file serves the next runs"""

from harness.claims import claim, claim_equal


def run(site):
    use_wrapped(site)
    site.provide()
    site.sync.give("secret-id", site.vault.wrapped_secret_id("mail-core") + "\n")
    mark = site.vault.mark()
    site.sync.once()
    site.sync.once()
    site.provide()
    site.sync.once("--detailed-exitcode", expect=2)
    claim_equal(site.vault.count(mark, path="sys/wrapping/unwrap"), 1, "unwrappings of one token")
    site.sync.give("secret-id", site.vault.wrapped_secret_id("mail-core") + "\n")
    site.sync.once()
    site.sync.once()
    claim_equal(site.vault.count(mark, path="sys/wrapping/unwrap"), 2, "unwrappings of two tokens")
    claim(site.vault.count(mark, path="sys/wrapping/lookup") >= 2, "the creation path was not looked at")
    site.claim_mail_flows()


def use_wrapped(site):
    site.sync.settings["vault"]["auth"] |= {"wrapped": True, "role": "mail-core"}
