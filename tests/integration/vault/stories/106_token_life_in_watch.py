"""A watch renews its token, and logs in anew when the token's life ends"""

from harness.claims import claim
from harness.waiting import wait_until


def run(site):
    role_id = site.vault.approle("short-lived", token_ttl="3s", token_max_ttl="6s")
    site.sync.settings["vault"]["auth"] |= {
        "role_id_file": site.sync.give("role-id", role_id + "\n"),
        "secret_id_file": site.sync.give("secret-id", site.vault.secret_id("short-lived") + "\n")}
    site.provide()
    mark = site.vault.mark()
    with site.sync.watch() as watch:
        # On a machine that stands still for seconds a token may end before it could be renewed: one more life tells.
        wait_until(lambda: asked(site, mark, "auth/approle/login") >= 3 and asked(site, mark, "auth/token/renew-self") >= 2,
                   lambda: f"three logins and two renewals; asked so far: {site.vault.asked(mark)}", seconds=90)
        logins, reads = asked(site, mark, "auth/approle/login"), asked(site, mark, site.path().replace("/", "/data/", 1))
        claim(logins < reads, f"{logins} logins for {reads} reads")
        password = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{password}", lambda: f"the rotation\n{watch.tail()}")


def asked(site, mark, path):
    return site.vault.count(mark, path=path)
