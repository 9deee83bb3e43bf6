"""The environment stands in where it may, loudly, and never in production with a login"""

from stand import secrets

from harness.claims import claim_equal


def parts(site):
    for name in ("SMTP_PASSWORD", "SMTP_USER", "SMTP_USERNAME"):
        yield f"production refuses {name}", lambda site, name=name: production_refuses(site, name)
    yield "development falls back to it", falls_back
    yield "SMTP_USE_VAULT=false skips Vault", skips_vault
    yield "SMTP_VAULT_PATH names the secret", names_the_path
    yield "production takes a relay without login from it", without_login
    yield "the cache comes first", cache_first


def variables(site, password, **others):
    return {"SMTP_HOST": "localhost", "SMTP_PORT": str(site.upstream.port("primary")), "SMTP_USER": "app",
            "SMTP_PASSWORD": password, "SMTP_USE_TLS": "true", "SMTP_DEFAULT_FROM": "app@sender.test"} | others


def production_refuses(site, name):
    site.provide()
    site.sync.once(expect=78, environment={name: secrets.new("env")}).says(name)
    claim_equal(site.generation(), None, "the current generation")


def falls_back(site):
    site.sync.settings["mode"] = "development"
    password = secrets.new("env")
    site.logins().set("app", password)
    site.vault.seal()
    site.sync.once(expect=10, environment=variables(site, password)).says("environment")
    site.claim_in_postfix(password)
    site.claim_mail_flows()


def skips_vault(site):
    site.sync.settings["mode"] = "development"
    site.provide()
    password = secrets.new("env")
    site.logins().set("app", password)
    mark = site.vault.mark()
    site.sync.once(expect=(0, 10), environment=variables(site, password, SMTP_USE_VAULT="false"))
    claim_equal(site.vault.asked(mark), [], "what Vault was asked")
    site.claim_in_postfix(password)


def names_the_path(site):
    site.sync.settings["mode"] = "development"
    password = site.provide(name="elsewhere")
    site.sync.settings["relays"]["primary"].pop("secret")
    site.sync.once(environment={"SMTP_VAULT_PATH": site.path("elsewhere")})
    site.claim_in_postfix(password)


def without_login(site):
    site.vault.seal()
    environment = {"SMTP_HOST": "localhost", "SMTP_PORT": str(site.upstream.port("open")), "SMTP_USE_TLS": "false"}
    site.sync.settings["relays"]["primary"] |= {"tls": "none"}
    site.sync.once(expect=10, environment=environment).says("environment")
    site.claim_mail_flows(login=None, listener="open")


def cache_first(site):
    site.sync.settings["mode"] = "development"
    password = site.provide()
    site.sync.once()
    site.vault.seal()
    site.sync.once(expect=10, environment=variables(site, secrets.new("env")))
    site.claim_in_postfix(password)
