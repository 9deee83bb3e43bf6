"""What the real Vault says, kept in bodies.json for the stub. Story 710 compares them with the Vault at hand; after a
change of Vault's version write them anew: MAILCORE_CAPTURE_BODIES=1 tests/integration/vault/run.py --only 710"""

import functools
import json
import pathlib

FILE = pathlib.Path(__file__).with_name("bodies.json")


@functools.cache
def load():
    return json.loads(FILE.read_text())


def capture(vault, role_id, secret_id):
    """{name: {status, body}}, with nothing of this run in it: tokens, ids and times are made up."""
    status, login = vault.request("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id}, token=None)
    token = login["auth"]["client_token"]
    vault.put("secret/bodies/kept", {"host": "h", "port": 587})
    vault.put("secret/bodies/deleted", {"host": "h"})
    vault.delete("secret/bodies/deleted")
    asked = {
        "health": ("GET", "sys/health", None, None),
        "mount": ("GET", "sys/internal/ui/mounts/secret/bodies/kept", None, token),
        "secret": ("GET", "secret/data/bodies/kept", None, token),
        "deleted": ("GET", "secret/data/bodies/deleted", None, token),
        "never-written": ("GET", "secret/data/bodies/never", None, token),
        "wrong-path": ("GET", "secret/bodies/kept", None, token),
        "denied": ("GET", "secret/data/denied/x", None, token),
        "invalid-token": ("GET", "secret/data/bodies/kept", None, "hvs.nobody"),
        "lookup-self": ("GET", "auth/token/lookup-self", None, token),
        "renew-self": ("POST", "auth/token/renew-self", {"increment": 600}, token),   # more is cut, with a warning
        "bad-login": ("POST", "auth/approle/login", {"role_id": role_id, "secret_id": "wrong"}, None),
        "bad-wrapping-token": ("POST", "sys/wrapping/unwrap", {}, "hvs.nobody"),
    }
    found = {"login": (status, login)} | {name: vault.request(method, path, body, token=with_token)
                                          for name, (method, path, body, with_token) in asked.items()}
    vault.seal()
    found["sealed"] = vault.request("GET", "secret/data/bodies/kept", token=token)
    vault.unseal()
    return {name: {"status": status, "body": _anonymous(body)} for name, (status, body) in found.items()}


def _anonymous(value, name=""):
    if isinstance(value, dict):
        return {key: _anonymous(item, key) for key, item in value.items()}
    if name in ("client_token", "accessor", "id", "entity_id", "request_id", "cluster_id", "cluster_name", "uuid"):
        return "" if not value else f"made-up-{name.replace('_', '-')}"
    if name.endswith("_time") and value and isinstance(value, str):
        return "2026-11-21T01:00:00.123456789Z"
    if name in ("server_time_utc", "creation_time"):
        return 1795222800
    return value


def shape(value):
    """Keys and types: what a client may rely on."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return type(value).__name__
