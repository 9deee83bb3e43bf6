"""What passes by itself is waited for: one hiccup of Vault does not cost a run"""

from harness.claims import claim, claim_equal
from stand import secrets
from stand.stub_vault import Answer, StubVault

NEEDS_VAULT = False

HICCUPS = {
    "503": Answer(503, {"errors": ["node is not active"]}),
    "429 with Retry-After": Answer(429, {"errors": []}, {"Retry-After": "1"}),
    "412": Answer(412, {"errors": ["required index state not present"]}),
    "KV upgrading": Answer(400, {"errors": ["Upgrading from non-versioned to versioned data. This backend will be "
                                            "unavailable for a brief period and will resume service shortly."]}),
    "a cut connection": Answer(close=True),
    "502 of a proxy": Answer(502, b"<html>", {"Content-Type": "text/html"}),
}


def parts(site):
    for words, answer in HICCUPS.items():
        yield words, lambda site, answer=answer: waited_for(site, answer)
    yield "a redirect to the leader, followed once with the token", redirected
    yield "every request says X-Vault-Request and the namespace", headers


def use_stub(site, stub, **others):
    password = secrets.new("mail")
    site.logins().set("app", password)
    stub.put(site.path(), site.fields(password=password))
    site.sync.settings["vault"] = {
        "address": stub.address, "ca_cert": str(site.authority.certificate), "timeout": "30s", "retries": 2,
        "auth": {"method": "approle", "role_id_file": site.sync.give("role-id", "role\n"),
                 "secret_id_file": site.sync.give("secret-id", secrets.new("id") + "\n")}} | others
    return password


def data_path(site):
    return site.path().replace("secret/", "secret/data/", 1)


def waited_for(site, answer):
    with StubVault(site.authority) as stub:
        password = use_stub(site, stub)
        good = stub.body("secret", data__data=site.fields(password=password))
        stub.answer("GET", data_path(site), answer, good)
        site.sync.once()
        site.claim_in_postfix(password)


def redirected(site):
    with StubVault(site.authority) as stub, StubVault(site.authority) as leader:
        password = use_stub(site, stub)
        leader.token = stub.token
        leader.put(site.path(), site.fields(password=password))
        stub.answer("GET", data_path(site), Answer(307, b"", {"Location": f"{leader.address}/v1/{data_path(site)}"}))
        site.sync.once()
        site.claim_in_postfix(password)
        claim_equal(leader.requests[0].headers.get("x-vault-token") == stub.token, True, "the token went along")


def headers(site):
    with StubVault(site.authority) as stub:
        use_stub(site, stub, namespace="team/mail")
        site.sync.once()
        for request in stub.requests:
            claim_equal((request.headers.get("x-vault-request"), request.headers.get("x-vault-namespace")),
                        ("true", "team/mail"), f"headers of {request.path}")
            claim(stub.token not in request.path + request.query, "the token is in a URL")
