"""Of several troubles the first of the contract's list is the exit status"""

from stand import secrets


def run(site):
    site.provide()
    site.provide("second", name="other", user="other-app")
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.once()
    site.vault.delete(site.path("other"))
    site.sync.once(expect=1)                                          # a value was not taken over
    site.put(secrets.new("wrong"))
    site.sync.once(expect=11)                                         # a provider's 5xx before it
    site.sync.once("--detailed-exitcode", expect=11)
    site.sync.give("secret-id", "0b5d5e9e-1111-2222-3333-444455556666\n")
    site.sync.once(expect=12)                                         # and Vault's refusal before that
    site.vault.seal()
    site.sync.once(expect=(10, 11))
