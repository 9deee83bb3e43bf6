"""Senders are routed by address, then by domain, then to the active relay; recipients by their domain first of all"""


def run(site):
    site.provide()
    site.provide("second", name="domains", user="domain-app")
    site.provide("selfsigned", name="addresses", user="address-app")
    site.provide("onlylogin", name="recipients", user="recipient-app")
    pin = "sha256:" + site.upstream.certificates["selfsigned"].public_key_digest
    site.sync.settings["relays"] |= {"domains": site.relay("domains"), "recipients": site.relay("recipients"),
                                     "addresses": site.relay("addresses", fingerprint=[pin], ca_file=None)}
    del site.sync.settings["relays"]["addresses"]["ca_file"]
    site.sync.settings["routes"] = {"@inbound.test": "domains", "boss@inbound.test": "addresses",
                                    "solo@plain.test": "addresses"}
    site.sync.settings["transports"] = {"special.example": "recipients"}
    site.sync.once()
    through = {"anyone@else.test": ("app", "primary"), "": ("app", "primary"),
               "x@inbound.test": ("domain-app", "second"), "boss@inbound.test": ("address-app", "selfsigned"),
               "BOSS@Inbound.Test": ("address-app", "selfsigned"), "x@sub.inbound.test": ("app", "primary"),
               "solo@plain.test": ("address-app", "selfsigned"), "other@plain.test": ("app", "primary")}
    for sender, (login, listener) in through.items():
        site.claim_mail_flows(login, listener, sender=sender)
    for number, sender in enumerate(("anyone@else.test", "boss@inbound.test", "")):
        site.claim_mail_flows("recipient-app", "onlylogin", sender=sender, recipient=f"r{number}@special.example")
