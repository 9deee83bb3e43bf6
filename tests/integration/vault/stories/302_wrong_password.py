"""A wrong password in Vault never reaches Postfix: exit 11, remembered, and not tried again within the hour"""

from harness.claims import claim, claim_equal
from stand import secrets


def run(site):
    good = site.provide()
    site.sync.once()
    wrong = secrets.new("wrong")
    site.put(wrong)
    site.sync.once(expect=11).says("primary", "535")
    tried = len(site.logins().attempts_of(password=wrong))
    claim(1 <= tried <= 3, f"{tried} AUTH commands for one refused value")
    for _ in range(2):
        site.sync.once(expect=11)
    claim_equal(len(site.logins().attempts_of(password=wrong)), tried, "AUTH commands after it was remembered")
    site.sync.run("verify", "primary", expect=11)
    claim(len(site.logins().attempts_of(password=wrong)) > tried, "verify did not try")
    site.claim_generation(1)
    site.claim_in_postfix(good)
    site.claim_reloads(1)
    site.claim_mail_flows()
    better = site.provide()
    site.sync.once()
    site.claim_in_postfix(better)
    site.claim_mail_flows()
