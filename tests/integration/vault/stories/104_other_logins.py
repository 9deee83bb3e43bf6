"""Every kind of login reads the secret"""

from harness.claims import claim
from stand.stub_vault import Agent


def parts(site):
    yield "a client certificate", by_certificate
    yield "a JSON web token", by_jwt
    yield "a token file", by_token_file
    yield "VAULT_TOKEN, VAULT_ADDR and VAULT_CACERT", by_environment
    yield "none, behind an agent", behind_an_agent
    yield "AppRole on another mount", on_another_mount


def reads(site, auth, **others):
    site.provide()
    site.sync.settings["vault"] |= {"auth": auth}
    site.sync.once(**others)
    site.claim_mail_flows()


def by_certificate(site):
    site.vault.certificate_login("mail", site.authority)
    client = site.authority.sign("mail-client", "DNS:mail-core", "clientAuth")
    site.sync.settings["vault"] |= {"client_cert": str(client.certificate), "client_key": str(client.key)}
    reads(site, {"method": "cert", "name": "mail"})


def by_jwt(site):
    sign = site.vault.jwt_login("mail")
    path = site.sync.give("jwt", sign() + "\n")
    reads(site, {"method": "jwt", "role": "mail", "jwt_file": path})
    site.sync.give("jwt", sign(-60) + "\n")
    site.sync.once(expect=12).says("jwt")
    site.sync.give("jwt", sign() + "\n")        # read anew at each login: it rotates
    site.sync.once()


def by_token_file(site):
    token = site.vault.token()
    before = site.vault.living_tokens()
    reads(site, {"method": "token", "token_file": site.sync.give("token", token + "\n\n")})
    claim(site.vault.living_tokens() >= before, "a token that vault-sync did not take was revoked")


def by_environment(site):
    site.sync.settings["vault"] = {"timeout": "30s", "retries": 0}
    environment = {"VAULT_TOKEN": site.vault.token(), "VAULT_ADDR": site.vault.address,
                   "VAULT_CACERT": str(site.vault.ca_file)}
    reads(site, {"method": "token"}, environment=environment)


def behind_an_agent(site):
    with Agent(site.vault, site.vault.token()) as agent:
        site.sync.settings["vault"] = {"address": agent.address, "timeout": "30s", "retries": 0}
        reads(site, {"method": "none"})


def on_another_mount(site):
    site.vault.request("POST", "sys/auth/team/role", {"type": "approle"})
    site.vault.ask("POST", "auth/team/role/role/mail", {"token_policies": ["mailcore"]})
    role_id = site.vault.ask("GET", "auth/team/role/role/mail/role-id")["data"]["role_id"]
    secret_id = site.vault.ask("POST", "auth/team/role/role/mail/secret-id", {})["data"]["secret_id"]
    reads(site, {"method": "approle", "mount": "team/role", "role_id_file": site.sync.give("role", role_id),
                 "secret_id_file": site.sync.give("secret", secret_id)})
