"""After a rotation mail flows with the new password, and not with the old"""

from harness.claims import claim, claim_equal


def run(site):
    old = site.provide()
    site.sync.once()
    site.claim_mail_flows()
    new = site.provide()                 # the upstream takes only this one from now on
    site.relay_host.send("waits@example.com")
    site.relay_host.wait_until_deferred("waits@example.com")
    site.sync.once()
    site.claim_in_postfix(new)
    site.claim_mail_flows()
    site.sink.wait_for("waits@example.com")      # flushed, once
    claim_equal([attempt.succeeded for attempt in site.logins().attempts_of(password=new)].count(False), 0,
                "refused logins with the new password")
    claim(site.logins().attempts_of(password=old)[-1].succeeded is False, "the old password still works upstream")
    site.claim_reloads(2)
    claim_equal(site.relay_host.bounces_since(site.log_mark), [], "bounces")
