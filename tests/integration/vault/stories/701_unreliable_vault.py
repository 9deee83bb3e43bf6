"""Whatever an unreliable Vault does, the last known good value serves (exit 10), within bounds of time and memory"""

from harness.claims import claim
from stand import secrets
from stand.stub_vault import Answer, StubVault

NEEDS_VAULT = False

HTML = Answer(502, b"<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})
BAD = {
    "never answers": Answer(delay=600),
    "answers byte by byte": Answer(200, b'{"data": {' + b" " * 4000, drip=0.1),
    "hangs up without a word": Answer(close=True),
    "hangs up in the middle": Answer(200, {"data": {"data": {"host": "localhost", "password": "p"}}}, cut=20),
    "speaks something else": Answer(garbage=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "answers with HTML": Answer(200, b"<html>welcome</html>"),
    "answers with half a JSON": Answer(200, b'{"data": {"data": {"host": "loc'),
    "answers with nothing": Answer(200, b""),
    "answers with deep nesting": Answer(200, b"[" * 200_000),
    "answers without end": Answer(200, b'{"data": "' + b"x" * 65536, repeat=4096),
    "is a proxy's bad gateway": HTML,
    "fails within": Answer(500, {"errors": ["internal error"]}),
    "limits the rate for ever": Answer(429, {"errors": []}, {"Retry-After": "1"}),
    "limits the rate for a day": Answer(429, {"errors": []}, {"Retry-After": "86400"}),
    "upgrades for ever": Answer(400, {"errors": ["Upgrading from non-versioned to versioned data. This backend will be "
                                                 "unavailable for a brief period and will resume service shortly."]}),
    "is not consistent for ever": Answer(412, {"errors": ["required index state not present"]}),
    "is not initialised": Answer(501, {"errors": ["Vault is not initialized"]}),
    "redirects in a circle": Answer(307, b"", {"Location": "@/v1/@PATH"}),
    "redirects without a place": Answer(307, b""),
    "redirects to plain HTTP": Answer(307, b"", {"Location": "http://127.0.0.1:@PLAIN/v1/@PATH"}),
    "redirects to a file": Answer(307, b"", {"Location": "file:///etc/passwd"}),
}


# An answer, but no secret: a value that was not taken over.
NO_SECRET = {
    "answers with a list": Answer(200, b"[1, 2, 3]"),
    "answers with no data": Answer(200, {"data": {}}),
    "answers with a text for data": Answer(200, {"data": "text"}),
    "answers with a list for data": Answer(200, {"data": {"data": [1], "metadata": {"version": 2}}}),
}


def parts(site):
    for words, answer in NO_SECRET.items():
        yield words, lambda site, answer=answer: keeps(site, answer)
    for words, answer in BAD.items():
        yield words, lambda site, answer=answer: serves_from_cache(site, answer)


def use_stub(site, stub):
    password = secrets.new("mail")
    site.logins().set("app", password)
    stub.put(site.path(), site.fields(password=password))
    site.sync.settings["vault"] = {
        "address": stub.address, "ca_cert": str(site.authority.certificate), "timeout": "30s", "retries": 0,
        "auth": {"method": "approle", "role_id_file": site.sync.give("role-id", "role\n"),
                 "secret_id_file": site.sync.give("secret-id", secrets.new("id") + "\n")}}
    return password


def keeps(site, answer):
    with StubVault(site.authority) as stub:
        password = use_stub(site, stub)
        site.sync.once()
        stub.answer("GET", site.path().replace("secret/", "secret/data/", 1), answer)
        site.sync.once(expect=(1, 10)).says("primary")
        site.claim_in_postfix(password)
        site.claim_reloads(1)


def serves_from_cache(site, answer):
    with StubVault(site.authority) as stub, StubVault() as plain:
        password = use_stub(site, stub)
        site.sync.once()
        path = site.path().replace("secret/", "secret/data/", 1)
        stub.answer("GET", path, placed(answer, stub, plain, path))
        site.sync.settings["vault"]["timeout"] = "1s"      # what never ends goes on for longer than once() is waited for
        site.sync.once(expect=10).says("cache")
        claim(not plain.requests, "it went down to plain HTTP")
        site.claim_in_postfix(password)
        site.claim_reloads(1)


def placed(answer, stub, plain, path):
    location = answer.headers.get("Location")
    if location is None:
        return answer
    location = location.replace("@PATH", path).replace("@PLAIN", plain.address.rpartition(":")[2])
    if location.startswith("@"):
        location = stub.address + location[1:]
    return Answer(answer.status, answer.body, {"Location": location})
