"""A secret's fields are taken in all their spellings"""

from stand import secrets

from harness.claims import claim


def parts(site):
    port, wrapper = site.upstream.port("primary"), site.upstream.port("wrapper")
    spellings = {
        "username": {"port": port, "username": "app"},
        "port as text": {"port": str(port), "user": "app"},
        "use_tls as text": {"port": port, "user": "app", "use_tls": "true"},
        "tls as boolean": {"port": port, "user": "app", "tls": True},
        "starttls and default_from": {"port": str(port), "username": "app", "starttls": "true", "default_from": "a@b.test"},
        "ssl as text": {"port": wrapper, "user": "app", "ssl": "true"},
        "use_ssl as boolean": {"port": wrapper, "user": "app", "use_ssl": True},
    }
    for words, fields in spellings.items():
        yield words, lambda site, fields=fields: proves(site, fields)


def proves(site, fields):
    password = secrets.new("mail")
    for listener in ("primary", "wrapper"):
        site.logins(listener).set("app", password)
    site.vault.put(site.path(), {"host": "localhost", "password": password} | fields)
    site.sync.run("verify")
    listener = "wrapper" if fields["port"] == site.upstream.port("wrapper") else "primary"
    claim(site.logins(listener).attempts_of("app", password), f"nobody logged in at {listener}")
