"""What the tests' Vault cannot do: Kubernetes logins and a cache key wrapped by transit"""

from harness.claims import claim, claim_equal
from stand import secrets
from stand.stub_vault import Answer, StubVault

NEEDS_VAULT = False


def parts(site):
    yield "a Kubernetes login, the service account's token read anew each time", kubernetes
    yield "a cache whose key transit wraps", transit
    yield "a periodic token, a root token and one with few uses are warned of", warnings


def use_stub(site, stub, auth):
    password = secrets.new("mail")
    site.logins().set("app", password)
    stub.put(site.path(), site.fields(password=password))
    site.sync.settings["vault"] = {"address": stub.address, "ca_cert": str(site.authority.certificate), "timeout": "30s",
                                   "retries": 0, "auth": auth}
    return password


def kubernetes(site):
    with StubVault(site.authority) as stub:
        path = site.sync.give("token", "first.account.token\n")
        password = use_stub(site, stub, {"method": "kubernetes", "role": "mail", "jwt_file": path})
        site.sync.once()
        site.sync.give("token", "second.account.token\n")
        site.sync.once()
        logins = [request.body for request in stub.requests if request.path == "auth/kubernetes/login"]
        claim_equal(logins, [{"role": "mail", "jwt": "first.account.token"}, {"role": "mail", "jwt": "second.account.token"}],
                    "logins")
        site.claim_in_postfix(password)


def transit(site):
    with StubVault(site.authority) as stub:
        password = use_stub(site, stub, approle(site))
        site.sync.settings["cache"]["key"] = "transit:mailcore"
        site.sync.run("--check", expect=0).says("transit", "restart")
        site.sync.once()
        claim(stub.transit, "transit was not asked")
        data_path = site.path().replace("secret/", "secret/data/", 1)
        stub.answer("GET", data_path, Answer(503, {"errors": ["Vault is sealed"]}))
        site.relay_host.forget_everything()
        site.sync.once(expect=10)
        site.claim_in_postfix(password)
        stub.answer_everything(Answer(503, {"errors": ["Vault is sealed"]}))
        site.relay_host.forget_everything()
        site.sync.once(expect=1)


def approle(site):
    return {"method": "approle", "role_id_file": site.sync.give("role-id", "role\n"),
            "secret_id_file": site.sync.give("secret-id", secrets.new("id") + "\n")}


def warnings(site):
    kinds = {"root": {"data__policies": ["root"], "data__ttl": 0, "data__expire_time": None},
             "uses": {"data__num_uses": 5}, "never ends": {"data__ttl": 0, "data__expire_time": None}}
    for word, changes in kinds.items():
        with StubVault(site.authority) as stub:
            use_stub(site, stub, {"method": "token", "token_file": site.sync.give("token", stub.token + "\n")})
            stub.answer("GET", "auth/token/lookup-self", stub.body("lookup-self", **changes))
            site.sync.once().says(word)
