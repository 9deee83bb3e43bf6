"""verify proves what Vault holds, --current what Postfix uses, --send-test sends one message; it writes nothing"""

from harness.claims import claim_equal
from stand import secrets
from stand.upstream import login_of


def run(site):
    site.provide()
    site.provide("second", name="other", **{"from": "app@sender.test"})
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.run("verify").says("primary", "other")
    claim_equal(site.generation(), None, "the current generation after verify")
    site.sync.once()
    files = listing(site)
    site.put(secrets.new("wrong"))
    site.sync.run("verify", "primary", expect=11).says("535")
    site.sync.run("verify", "primary", "--current")
    site.sync.run("verify", "other")
    site.sync.run("verify", "other", "--send-test", "test@example.com")
    claim_equal(login_of(site.sink.wait_for("test@example.com")), "app", "login of the test message")
    claim_equal(len(site.sink.to("test@example.com")), 1, "test messages")
    site.sync.run("verify", "nosuch", expect=(1, 64)).says("nosuch")
    claim_equal(listing(site), files, "files after verify")
    site.claim_reloads(1)


def listing(site):
    return {str(path): path.stat().st_mtime_ns for path in (site.relay_host.output / "generations").rglob("*")}
