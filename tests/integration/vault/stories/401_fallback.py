"""With the primary down the fallback relay serves, with its own login"""

from harness.claims import claim_equal


def run(site):
    site.provide()
    site.provide("second", name="other", user="other-app")
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.settings["fallback"] = ["other"]
    site.sync.once()
    site.claim_mail_flows()
    found = site.relay_host.lookup("sender_dependent_relayhost_maps", "x@y.test")
    claim_equal(found, f"{site.nexthop()}, {site.nexthop('second')}", "relays of any sender")
    site.upstream.close("primary")
    site.claim_mail_flows("other-app", "second")
    site.claim_mail_flows("other-app", "second", sender="")
    site.upstream.open("primary")
