"""What proves nothing (454, no connection, TLS) keeps the old value, and is tried again by the next run"""

from harness.claims import claim


def parts(site):
    yield "the provider's directory is away (454)", temporarily_broken
    yield "nothing listens", nothing_listens
    yield "a certificate of another name", lambda site: untrusted(site, "misnamed", {})
    yield "a certificate of another authority", lambda site: untrusted(
        site, "primary", {"ca_file": str(site.stranger.certificate)})
    yield "no STARTTLS", no_starttls


def temporarily_broken(site):
    good = site.provide()
    site.sync.once()
    new = site.provide()
    site.logins().break_down()
    site.sync.once(expect=1).says("primary", "454")
    site.claim_in_postfix(good)
    site.claim_reloads(1)
    site.logins().break_down(False)
    site.sync.once()
    site.claim_in_postfix(new)


def nothing_listens(site):
    good = site.provide()
    site.sync.once()
    new = site.provide()
    site.upstream.close("primary")
    site.sync.once(expect=1).says("primary", "connect|refused")
    site.claim_in_postfix(good)
    site.upstream.open("primary")
    site.sync.once()
    site.claim_in_postfix(new)


def untrusted(site, listener, settings):
    site.sync.settings["relays"]["primary"] |= settings
    site.provide(listener)
    site.sync.once(expect=1).says("primary", "certificate|match|verif|name")
    claim(not site.logins(listener).attempts, "the password was sent to a server that was not proved")


def no_starttls(site):
    site.provide("cleartext")
    site.sync.once(expect=1).says("primary", "starttls|tls")
    claim(not site.logins("cleartext").attempts, "the password was sent without TLS")
