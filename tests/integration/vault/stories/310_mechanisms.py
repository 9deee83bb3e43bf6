"""LOGIN is spoken only where PLAIN is not offered"""

from harness.claims import claim_equal


def parts(site):
    yield "PLAIN and LOGIN", lambda site: spoken(site, "primary", "PLAIN")
    yield "LOGIN alone", lambda site: spoken(site, "onlylogin", "LOGIN")


def spoken(site, listener, mechanism):
    site.provide(listener)
    site.sync.run("verify")
    claim_equal([attempt.mechanism for attempt in site.logins(listener).attempts], [mechanism], "AUTH commands")
    site.sync.once()
    site.claim_mail_flows(listener=listener)
