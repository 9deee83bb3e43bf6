"""A real Vault: started, initialised, sealed, killed and started again; its engines, logins and policies; what it was
asked, from its audit log.

    vault.put("secret/story/smtp", {"host": "localhost", "password": secrets.new()})
    vault.seal()"""

import base64
import http.client
import json
import pathlib
import ssl
import subprocess
import time

from harness import ports
from harness.certificates import _openssl
from harness.processes import kill_child, start_child, stop_child
from harness.waiting import HarnessError, wait_until

from . import secrets

MOUNTS = {"secret": {"type": "kv", "options": {"version": "2"}},
          "kv1": {"type": "kv", "options": {"version": "1"}},
          "team/kv": {"type": "kv", "options": {"version": "2"}}}
LOGINS = ("approle", "cert", "jwt", "userpass")
JWT_ISSUER = "tests"

POLICY = """
path "secret/data/*"     { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["read"] }
path "secret/data/denied/*" { capabilities = ["deny"] }
path "kv1/*"             { capabilities = ["read"] }
path "team/kv/data/*"    { capabilities = ["read"] }
"""


class VaultServer:
    """`program` is ours (tests/vault-server), vault or bao."""

    def __init__(self, folder, program, authority):
        self.folder = pathlib.Path(folder)
        self.program = pathlib.Path(program)
        self.authority = authority
        self.port = ports.free_ports(1)[0]
        self.child = None
        self.key = self.root_token = None

    @property
    def address(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        return self.authority.certificate

    # --- its life

    def __enter__(self):
        for name in ("data", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.certificate = self.authority.sign("vault")
        self.start(unsealed=False)
        self._initialise()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, unsealed=True):
        with open(self.folder / "log" / "vault.stderr", "ab") as output:
            self.child = start_child(self._command(), stdout=output, stderr=output)
        wait_until(self._answers, lambda: f"Vault to answer\n{self.log_tail()}", error=HarnessError)
        if unsealed:
            self.unseal()

    def _command(self):
        if self.program.name == "vault-server":
            return [self.program, "--listen", f"127.0.0.1:{self.port}", "--data", self.folder / "data",
                    "--tls-cert", self.certificate.certificate, "--tls-key", self.certificate.key]
        configuration = self.folder / "server.hcl"
        configuration.write_text(f"""
disable_mlock = true
api_addr = "{self.address}"
storage "file" {{ path = "{self.folder}/data" }}
listener "tcp" {{
  address = "127.0.0.1:{self.port}"
  tls_cert_file = "{self.certificate.certificate}"
  tls_key_file = "{self.certificate.key}"
}}
""")
        return [self.program, "server", f"-config={configuration}"]

    def _answers(self):
        if self.child.poll() is not None:
            raise HarnessError(f"Vault ended with {self.child.returncode}\n{self.log_tail()}")
        try:
            return self.request("GET", "sys/health", token=None)[0]
        except OSError:
            return None

    def stop(self):
        if self.child is not None:
            stop_child(self.child)
            self.child = None

    def kill(self):
        kill_child(self.child)
        self.child = None

    def seal(self):
        self.ask("PUT", "sys/seal")

    def unseal(self):
        self.ask("PUT", "sys/unseal", {"key": self.key}, token=None)
        wait_until(lambda: self.request("GET", "sys/health", token=None)[0] == 200, "Vault to be unsealed",
                   error=HarnessError)

    def make_ready(self):
        """Between stories: running and unsealed, whatever the last one did."""
        if self.child is None:
            self.start()
        elif self.request("GET", "sys/health", token=None)[0] != 200:
            self.unseal()

    def log_tail(self, lines=30):
        log = self.folder / "log" / "vault.stderr"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _initialise(self):
        answer = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token=None)
        self.key, self.root_token = answer["keys"][0], secrets.remember(answer["root_token"])
        self.unseal()
        for path, body in MOUNTS.items():
            self.ask("POST", f"sys/mounts/{path}", body)
        for name in LOGINS:
            self.ask("POST", f"sys/auth/{name}", {"type": name})
        self.audit_log = self.folder / "log" / "audit.jsonl"
        self.ask("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": str(self.audit_log)}})
        self.policy("mailcore", POLICY)
        wait_until(lambda: self.request("POST", "secret/data/probe", {"data": {"a": "b"}})[0] == 200,
                   "KV 2 to take writes", error=HarnessError)

    # --- its API

    def request(self, method, path, body=None, token="root", headers=None, certificate=None):
        """(status, answer); `path` below /v1/."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        try:
            fields = dict(headers or {})
            if token is not None:
                fields["X-Vault-Token"] = self.root_token if token == "root" else token
            connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None, fields)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def ask(self, method, path, body=None, **options):
        status, answer = self.request(method, path, body, **options)
        if status >= 300:
            raise HarnessError(f"Vault: {method} {path} answered {status} {answer}")
        return answer

    # --- secrets: path as an operator writes it, "secret/story/smtp"

    def put(self, path, fields):
        mount, rest, version = _split(path)
        if version == 1:
            return self.ask("POST", f"{mount}/{rest}", fields)
        return self.ask("POST", f"{mount}/data/{rest}", {"data": fields})["data"]["version"]

    def delete(self, path):
        """The latest version only, as `vault kv delete`."""
        mount, rest, version = _split(path)
        self.ask("DELETE", f"{mount}/{rest}" if version == 1 else f"{mount}/data/{rest}")

    def destroy(self, path, versions):
        mount, rest, _ = _split(path)
        self.ask("PUT", f"{mount}/destroy/{rest}", {"versions": versions})

    def forget(self, path):
        """All versions and the metadata: as if it had never been."""
        mount, rest, _ = _split(path)
        self.ask("DELETE", f"{mount}/metadata/{rest}")

    def annotate(self, path, custom_metadata):
        mount, rest, _ = _split(path)
        self.ask("POST", f"{mount}/metadata/{rest}", {"custom_metadata": custom_metadata})

    # --- policies and logins

    def policy(self, name, rules):
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": rules})

    def approle(self, name, policies=("mailcore",), **settings):
        """The role_id of a new role."""
        self.ask("POST", f"auth/approle/role/{name}", {"token_policies": list(policies), **settings})
        return self.ask("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]

    def secret_id(self, role):
        return secrets.remember(self.ask("POST", f"auth/approle/role/{role}/secret-id", {})["data"]["secret_id"])

    def wrapped_secret_id(self, role, ttl="300s", path=None):
        """A wrapping token; with `path` it wraps what stands there instead: something else than a secret id."""
        method, what = ("GET", path) if path else ("POST", f"auth/approle/role/{role}/secret-id")
        answer = self.ask(method, what, None if path else {}, headers={"X-Vault-Wrap-TTL": ttl})
        return secrets.remember(answer["wrap_info"]["token"])

    def unwrap(self, wrapping_token):
        return self.ask("POST", "sys/wrapping/unwrap", token=wrapping_token)

    def token(self, policies=("mailcore",), **settings):
        answer = self.ask("POST", "auth/token/create", {"policies": list(policies), **settings})
        return secrets.remember(answer["auth"]["client_token"])

    def certificate_login(self, name, authority, policies=("mailcore",)):
        self.ask("POST", f"auth/cert/certs/{name}", {"certificate": pathlib.Path(authority.certificate).read_text(),
                                                     "token_policies": list(policies)})

    def jwt_login(self, role, policies=("mailcore",)):
        """A signer: jwt_login("mail")() is a token of that role, good for an hour."""
        key = self.folder / "jwt.key"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
        public = _openssl("pkey", "-in", str(key), "-pubout").decode()
        self.ask("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [public], "bound_issuer": JWT_ISSUER})
        self.ask("POST", f"auth/jwt/role/{role}", {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
                                                   "token_policies": list(policies)})

        def sign(lifetime=3600):
            now = int(time.time())
            claims = {"iss": JWT_ISSUER, "sub": "mail-core", "aud": "vault", "iat": now, "nbf": now - 5,
                      "exp": now + lifetime}
            text = b".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
            signature = _openssl("dgst", "-sha256", "-sign", str(key), input=text)
            return secrets.remember(b".".join((text, _base64url(signature))).decode())

        return sign

    def living_tokens(self):
        """Accessors of every token that Vault still knows."""
        return set(self.ask("LIST", "auth/token/accessors")["data"]["keys"])

    # --- what it was asked

    def mark(self):
        """For `asked(since)`: where the audit log stands now."""
        return self.audit_log.stat().st_size

    def asked(self, since=0):
        """[(operation, path)] of the requests, in their order; the harness's own (root's) left out."""
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            entries = [json.loads(line) for line in log]
        return [(entry["request"]["operation"], entry["request"]["path"]) for entry in entries
                if entry["type"] == "request" and "root" not in entry.get("auth", {}).get("policies", [])]

    def count(self, since, *, path, operation=None):
        return sum(asked == path and operation in (None, did) for did, asked in self.asked(since))


def _split(path):
    mount = next(name for name in MOUNTS if path.startswith(name + "/"))
    return mount, path[len(mount) + 1:], int(MOUNTS[mount]["options"]["version"])


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
