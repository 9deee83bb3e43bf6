"""What is missing, malformed or cannot be carried by Postfix is refused with its reason, and the old value stays"""

from stand import secrets


def run(site):
    good = site.provide()
    site.sync.once()
    password = secrets.new("bad")
    bad = {
        "both kinds of TLS": (dict(use_tls=True, use_ssl=True), "tls"),
        "a colon in the user": (dict(user="app:x"), "user"),
        "a line feed in the password": (dict(password=password + "\nroot:x"), "password"),
        "a blank at the password's end": (dict(password=password + " "), "password"),
        "a blank before the user": (dict(user=" app"), "user"),
        "a password without user": (dict(user=""), "user"),
        "a user without password": (dict(password=""), "password"),
        "no host": (dict(host=None), "host"),
        "a port that is none": (dict(port="smtp"), "port"),
        "a port too large": (dict(port=70000), "port"),
        "a list as password": (dict(password=[password]), "password"),
        "a template that was not filled in": (dict(password="<no value>"), "password"),
    }
    for words, (change, field) in bad.items():
        site.vault.put(site.path(), site.fields(password=password) | change)
        try:
            site.sync.once(expect=1).says("primary", field)
            site.claim_generation(1)
            site.claim_in_postfix(good)
        except AssertionError as problem:
            raise AssertionError(f"{words}: {problem}") from problem
    site.claim_reloads(1)
    site.claim_mail_flows()
    better = site.provide()
    site.sync.once()
    site.claim_in_postfix(better)
