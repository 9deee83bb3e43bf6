"""A file that an agent injects serves as source; one that the agent did not fill in does not"""

import json

from harness.claims import claim_equal
from stand import secrets


def run(site):
    password = secrets.new("mail")
    site.logins().set("app", password)
    path = site.sync.give("injected.json", json.dumps(site.fields(password=password)))
    site.sync.settings["relays"]["primary"] = {"source": f"file:{path}", "ca_file": str(site.authority.certificate)}
    mark = site.vault.mark()
    site.sync.once()
    site.claim_in_postfix(password)
    site.claim_mail_flows()
    claim_equal(site.vault.count(mark, path=site.path().replace("secret/", "secret/data/")), 0, "reads of Vault")
    claim_equal(site.sync.status()["source"], "file", "the source that status tells")
    for broken in ("map[host:localhost]", "{\"host\": \"localhost\"", "", json.dumps(site.fields(password="<no value>"))):
        site.sync.give("injected.json", broken)
        site.sync.once(expect=(1, 10))
        site.claim_in_postfix(password)
