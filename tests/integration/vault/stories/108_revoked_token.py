"""A token that somebody revokes costs a watch one new login, and no pass"""

from harness.claims import claim_equal
from harness.waiting import wait_until


def run(site):
    first = site.provide()
    others, mark = site.vault.living_tokens(), site.vault.mark()
    with site.sync.watch() as watch:
        wait_until(lambda: site.login_in_postfix() == f"app:{first}", lambda: f"the first generation\n{watch.tail()}")
        for accessor in site.vault.living_tokens() - others:
            site.vault.ask("POST", "auth/token/revoke-accessor", {"accessor": accessor})
        second = site.provide()
        wait_until(lambda: site.login_in_postfix() == f"app:{second}", lambda: f"the rotation\n{watch.tail()}")
        claim_equal(site.vault.count(mark, path="auth/approle/login"), 2, "logins")
    claim_equal(site.vault.living_tokens() - others, set(), "tokens left behind by a watch that has ended")
