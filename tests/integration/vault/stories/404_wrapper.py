"""A relay on a TLS wrapper port serves as active relay, by route and by recipient domain"""


def parts(site):
    yield "as active relay", active
    yield "as route and transport beside a STARTTLS relay", beside
    yield "as fallback of another wrapper relay only", fallback


def wrapper(site, name="wrapped", user="wrapped-app"):
    site.provide("wrapper", name=name, user=user, use_ssl=True)
    site.sync.settings["relays"][name] = site.relay(name)


def active(site):
    wrapper(site)
    site.sync.settings["active"] = "wrapped"
    site.provide()
    site.sync.once()
    site.claim_mail_flows("wrapped-app", "wrapper")
    site.claim_mail_flows("wrapped-app", "wrapper", sender="")
    site.sync.run("use", "primary")
    site.claim_mail_flows()
    site.sync.run("use", "wrapped")
    site.claim_mail_flows("wrapped-app", "wrapper")


def beside(site):
    wrapper(site)
    site.provide()
    site.sync.settings["routes"] = {"@wrapped.test": "wrapped"}
    site.sync.settings["transports"] = {"wrapped.example": "wrapped", "plain.example": "primary"}
    site.sync.once()
    site.claim_mail_flows()
    site.claim_mail_flows("wrapped-app", "wrapper", sender="a@wrapped.test")
    site.claim_mail_flows("wrapped-app", "wrapper", recipient="x@wrapped.example")
    site.claim_mail_flows(recipient="x@plain.example", sender="a@wrapped.test")


def fallback(site):
    """Two transports cannot stand in one list: told before anything is touched."""
    wrapper(site)
    site.sync.settings["relays"]["wrapped"]["tls"] = "wrapper"
    site.sync.settings["relays"]["primary"]["tls"] = "starttls"
    site.provide()
    site.sync.settings["fallback"] = ["wrapped"]
    site.sync.run("--check", expect=78).says("primary", "wrapped")
