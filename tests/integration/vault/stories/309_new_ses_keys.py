"""A new SES key is derived for its region, and tried again while the provider does not know it yet"""

import threading
import time

from harness.claims import claim
from stand import secrets

# The reference's test vectors.
VECTORS = {("eu-west-1", "SECRET_KEY"): "BIhFZ/Ylx0jPVY7JeKUnHT4rO9jfB1VuZu4qglc/3gj9",
           ("us-east-1", "SECRET_KEY"): "BEhllZN9mAOanokSKCZhFUnAZr05oZGH3Yga8SI+ujh+"}


def parts(site):
    for (region, key), password in VECTORS.items():
        yield f"in {region}", lambda site, region=region, key=key, password=password: derived(site, region, key, password)
    yield "not known at first", not_known_at_first
    yield "a region without SMTP", lambda site: refused(site, "eu-south-1")
    yield "an unknown region", lambda site: refused(site, "mars-north-1")


def use_ses(site):
    site.sync.settings["relays"]["primary"] |= {"kind": "ses", "host": "localhost",
                                                "port": site.upstream.port("primary")}


def derived(site, region, key, password):
    use_ses(site)
    secrets.remember(password)
    site.logins().set("AKIATESTKEY", password)
    site.vault.put(site.path(), {"access_key": "AKIATESTKEY", "secret_key": key, "region": region})
    site.sync.once()
    site.claim_in_postfix(password, user="AKIATESTKEY")
    site.claim_mail_flows("AKIATESTKEY")


def not_known_at_first(site):
    use_ses(site)
    site.sync.settings["verify"] = {"before_switch": True, "attempts": 10, "window": "20s"}
    password = VECTORS["eu-west-1", "SECRET_KEY"]
    site.vault.put(site.path(), {"access_key": "AKIATESTKEY", "secret_key": "SECRET_KEY", "region": "eu-west-1"})
    provider = threading.Thread(target=lambda: (time.sleep(2), site.logins().set("AKIATESTKEY", password)))
    provider.start()
    site.sync.once()
    provider.join()
    tried = len(site.logins().attempts_of("AKIATESTKEY"))
    claim(2 <= tried <= 10, f"{tried} AUTH commands")


def refused(site, region):
    use_ses(site)
    site.vault.put(site.path(), {"access_key": "AKIATESTKEY", "secret_key": secrets.new("aws"), "region": region})
    site.sync.once(expect=1).says(region, "eu-west-1")
    claim(not site.logins().attempts, "a login was tried")
