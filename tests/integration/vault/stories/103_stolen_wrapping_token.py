"""A wrapping token that somebody else has unwrapped, or that wraps something else, is an alarm"""


def parts(site):
    yield "unwrapped before us", unwrapped_before
    yield "of another creation path", of_another_path
    yield "while an older kept one still works", with_a_kept_one


def use_wrapped(site):
    site.sync.settings["vault"]["auth"] |= {"wrapped": True, "role": "mail-core"}


def unwrapped_before(site):
    use_wrapped(site)
    site.provide()
    token = site.vault.wrapped_secret_id("mail-core")
    site.vault.unwrap(token)
    site.sync.give("secret-id", token + "\n")
    site.sync.once(expect=12).says("unwrapped|somebody|stolen|alarm")


def of_another_path(site):
    use_wrapped(site)
    site.provide()
    site.sync.give("secret-id", site.vault.wrapped_secret_id("mail-core", path="auth/approle/role/mail-core") + "\n")
    site.sync.once(expect=(12, 1)).says("somebody", "secret-id")


def with_a_kept_one(site):
    use_wrapped(site)
    site.provide()
    site.sync.give("secret-id", site.vault.wrapped_secret_id("mail-core") + "\n")
    site.sync.once()
    token = site.vault.wrapped_secret_id("mail-core")
    site.vault.unwrap(token)
    site.sync.give("secret-id", token + "\n")
    site.sync.once(expect=12).says("unwrapped|somebody|stolen|alarm")
    site.claim_mail_flows()
