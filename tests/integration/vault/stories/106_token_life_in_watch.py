"""A watch renews its token, and logs in anew when the token's life ends"""

from harness.claims import claim, claim_equal
from harness.waiting import wait_until


def run(site):
    role_id = site.vault.approle("short-lived", token_ttl="3s", token_max_ttl="6s")
    site.sync.settings["vault"]["auth"] |= {
        "role_id_file": site.sync.give("role-id", role_id + "\n"),
        "secret_id_file": site.sync.give("secret-id", site.vault.secret_id("short-lived") + "\n")}
    site.provide()
    before, mark = site.vault.living_tokens(), site.vault.mark()
    with site.sync.watch() as watch:
        wait_until(lambda: logins(site, mark) >= 3, lambda: f"three logins; asked so far: {site.vault.asked(mark)}")
        claim(site.vault.count(mark, path="auth/token/renew-self") >= 2, "the token was not renewed")
        claim(logins(site, mark) <= 6, f"{logins(site, mark)} logins in about three lives of a token")
        password = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{password}", lambda: f"the rotation\n{watch.tail()}")
    claim_equal(site.vault.living_tokens() - before, set(), "tokens left behind")


def logins(site, mark):
    return site.vault.count(mark, path="auth/approle/login")
