"""A self-signed relay pinned by fingerprint is trusted, of its certificate or its key, and no other is"""

from harness.claims import claim
from harness.certificates import with_colons


def parts(site):
    mine = site.upstream.certificates["selfsigned"]
    from stand.authority import certificate_digest
    yield "its certificate's", lambda site: trusted(site, certificate_digest(mine.certificate))
    yield "its key's", lambda site: trusted(site, mine.public_key_digest)
    yield "with colons", lambda site: trusted(site, with_colons(mine.public_key_digest))
    yield "another's", another


def use(site, *digests):
    site.provide("selfsigned")
    del site.sync.settings["relays"]["primary"]["ca_file"]
    site.sync.settings["relays"]["primary"]["fingerprint"] = [f"sha256:{digest}" for digest in digests]


def trusted(site, digest):
    use(site, "ab" * 32, digest)
    site.sync.once()
    site.claim_mail_flows(listener="selfsigned")


def another(site):
    use(site, "ab" * 32)
    site.sync.once(expect=1).says("fingerprint|certificate")
    claim(not site.logins("selfsigned").attempts, "the password was sent to a server that is not the pinned one")
