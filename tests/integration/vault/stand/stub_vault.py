"""A Vault of ours for what the real one cannot do: transit, Kubernetes logins, redirects, rate limits, slow, cut, wrong and
endless answers. Its ordinary answers are bodies captured from the real one (bodies.json; see bodies.py).

    stub.answer("GET", "secret/data/x", Answer(429, headers={"Retry-After": "1"}), …)   in turn; the last one stays
"""

import base64
import copy
import dataclasses
import http.server
import json
import socket
import ssl
import threading
import time

from . import bodies, secrets


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: object = b""                   # bytes, or what becomes JSON
    headers: dict = dataclasses.field(default_factory=dict)
    delay: float = 0                     # seconds before anything is said
    drip: float = 0                      # seconds between the bytes of the body
    cut: int | None = None               # close after so many bytes of the body
    close: bool = False                  # close without a word
    garbage: bytes | None = None         # instead of HTTP
    repeat: int = 1                      # the body so many times: endless ones


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str                            # below /v1/, without the query
    query: str
    headers: dict                        # names in lower case
    body: object


class StubVault:
    """Serves one KV 2 secret per path put; logs in whoever asks by AppRole, Kubernetes or JWT."""

    def __init__(self, authority=None):
        self.token = secrets.remember("hvs." + secrets.new("token"))
        self.secrets, self.scripts, self.requests, self.transit = {}, {}, [], {}
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.stub = self
        self.scheme = "http"
        if authority is not None:
            signed = authority.sign("stub")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(signed.certificate, signed.key)
            self.server.context = context
            self.scheme = "https"

    @property
    def address(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    # --- what a story sets

    def put(self, path, fields):
        """`secret/story/smtp`, as an operator writes it."""
        with self.lock:
            self.secrets[path] = {"fields": fields, "version": self.secrets.get(path, {"version": 0})["version"] + 1}

    def answer(self, method, path, *answers):
        """Instead of the ordinary answer, in turn; the last one stays. None: the ordinary one."""
        with self.lock:
            self.scripts[method, path] = list(answers)

    def answer_everything(self, *answers):
        self.answer("*", "*", *answers)

    def count(self, path, method=None):
        return sum(request.path == path and method in (None, request.method) for request in self.requests)

    # --- what it says

    def respond(self, request):
        with self.lock:
            self.requests.append(request)
            script = self.scripts.get((request.method, request.path)) or self.scripts.get(("*", "*"))
            scripted = (script.pop(0) if len(script) > 1 else script[0]) if script else None
        return scripted or self.ordinary(request)

    def ordinary(self, request):
        if request.path.startswith("auth/") and request.path.endswith("/login"):
            return self.body("login", auth__client_token=self.token)
        if request.path == "sys/health":
            return self.body("health")
        if request.headers.get("x-vault-token") != self.token:
            return self.body("invalid-token")
        if request.path.startswith("sys/internal/ui/mounts/"):
            return self.body("mount")
        if request.path.startswith("auth/token/"):
            return Answer(204) if "revoke" in request.path else self.body("lookup-self")
        if request.path.startswith("transit/"):
            return self.on_transit(request)
        return self.on_secret(request)

    def on_secret(self, request):
        stored = self.secrets.get(request.path.replace("secret/data/", "secret/", 1))
        if request.path.startswith("secret/metadata/") or stored is None:
            return self.body("never-written")
        return self.body("secret", data__data=stored["fields"], data__metadata__version=stored["version"])

    def on_transit(self, request):
        """AES by looking up what was encrypted: enough to see what is asked of transit, and with which data."""
        _, verb, key = request.path.split("/")
        bound = request.body.get("associated_data", "")
        if verb == "encrypt":
            name = f"vault:v1:{base64.b64encode(str(len(self.transit)).encode()).decode()}"
            self.transit[name] = (key, bound, request.body["plaintext"])
            return Answer(200, {"data": {"ciphertext": name, "key_version": 1}})
        found = self.transit.get(request.body["ciphertext"])
        if found is None or found[:2] != (key, bound):
            return Answer(400, {"errors": ["cipher: message authentication failed"]})
        return Answer(200, {"data": {"plaintext": found[2]}})

    @staticmethod
    def body(name, **changes):
        """A captured answer with values put in: data__metadata__version=3."""
        captured = copy.deepcopy(bodies.load()[name])
        for path, value in changes.items():
            *parents, last = path.split("__")
            place = captured["body"]
            for parent in parents:
                place = place[parent]
            place[last] = value
        return Answer(captured["status"], captured["body"])


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    context = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.is_over = threading.Event()

    def finish_request(self, request, client_address):
        """TLS in the connection's own thread: a client that never shakes hands holds nobody else up."""
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        """A client that left is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        path, _, query = self.path.removeprefix("/v1/").partition("?")
        try:
            body = json.loads(text) if text else {}
        except ValueError:
            body = {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.play(self.server.stub.respond(Request(self.command, path, query, headers, body)))

    do_GET = do_POST = do_PUT = do_LIST = do_DELETE = handle_any

    def play(self, answer):
        self.server.is_over.wait(answer.delay)
        if answer.close or answer.garbage is not None:
            self.wfile.write(answer.garbage or b"")
            self.close_connection = True
            self.leave()
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) * answer.repeat))
        self.end_headers()
        self.say(body, answer)

    def say(self, body, answer):
        if answer.cut is not None:
            self.wfile.write(body[:answer.cut])
            self.leave()
        elif answer.drip:
            for position in range(len(body)):
                self.wfile.write(body[position:position + 1])
                self.wfile.flush()
                if self.server.is_over.wait(answer.drip):
                    return
        else:
            for _ in range(answer.repeat):
                self.wfile.write(body)

    def leave(self):
        self.close_connection = True
        self.wfile.flush()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Agent:
    """A Vault Agent on http://127.0.0.1: it adds a token of its own to what it hands on to the real Vault."""

    def __init__(self, vault, token):
        self.vault, self.token = vault, token
        self.stub = StubVault()
        self.stub.respond = self.respond

    def __enter__(self):
        self.stub.__enter__()
        return self

    def __exit__(self, *details):
        self.stub.__exit__(*details)

    @property
    def address(self):
        return self.stub.address

    def respond(self, request):
        self.stub.requests.append(request)
        if request.headers.get("x-vault-request") != "true":
            return Answer(412, {"errors": ["missing 'X-Vault-Request' header"]})
        status, body = self.vault.request(request.method, request.path, request.body or None, token=self.token)
        return Answer(status, body if body is not None else b"")
