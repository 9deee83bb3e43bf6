"""Empty user and password mean no authentication, port 25 or tls none no TLS, and a password never goes in clear unasked"""

from harness.claims import claim, claim_equal


def parts(site):
    yield "a relay without login or TLS", without_login
    yield "a password over a plain connection is refused", refused
    yield "unless the relay says plaintext: allow", allowed


def without_login(site):
    site.vault.put(site.path(), {"host": "localhost", "port": site.upstream.port("open"), "user": "", "password": "",
                                 "use_tls": False})
    site.sync.once()
    claim_equal(site.login_in_postfix("open"), None, "login of a relay without one")
    site.claim_mail_flows(login=None, listener="open")


def refused(site):
    site.provide("cleartext", use_tls=False)
    site.sync.once(expect=1).says("plaintext", "primary")
    claim(not site.logins("cleartext").attempts, "the password was sent in clear")


def allowed(site):
    site.sync.settings["relays"]["primary"]["plaintext"] = "allow"
    site.provide("cleartext", use_tls=False)
    site.sync.once()
    site.claim_mail_flows(listener="cleartext")
