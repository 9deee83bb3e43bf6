"""The application that the webhook tells of outcomes: an HTTP server that may be away, slow, broken or of another mind.

    with Receiver(secret=b"...") as receiver:
        receiver.answer = lambda request: 500        # from here on; 200 at first
        receiver.taken()                             # the events that were answered with 2xx, each once, in their order

Each request's signature is checked as it comes, by the example that docs/webhook.md gives to developers."""

import collections
import contextlib
import dataclasses
import http.server
import json
import pathlib
import re
import socket
import threading
import time

from . import ports
from .claims import claim, claim_equal
from .waiting import wait_until

DOCUMENTATION = pathlib.Path(__file__).resolve().parents[3] / "docs" / "webhook.md"
DROP = "the connection is cut without an answer"


def documented_check():
    """is_from_mailcore(secret, header, body), word for word as the documentation has it."""
    found = re.search(r"```python\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    names = {}
    exec(compile(found[1], DOCUMENTATION.name, "exec"), names)   # our own file
    return names["is_from_mailcore"]


@dataclasses.dataclass
class Request:
    at: float                # of the clock that is never set
    headers: dict            # names in lower case
    body: bytes
    is_signed: bool
    answered: object = None  # the status, or DROP

    @property
    def events(self):
        content = json.loads(self.body)
        return content if isinstance(content, list) else [content]

    @property
    def is_taken(self):
        return isinstance(self.answered, int) and 200 <= self.answered < 300


class Receiver:
    def __init__(self, secret, login=None):
        self.secret, self.login = secret, login
        self.port, = ports.free_ports(1)             # kept: it comes back where it was
        self.is_from_mailcore = documented_check()
        self.requests = []
        self.lock = threading.Lock()
        self.answer = lambda request: 200
        self.let_go = threading.Event()
        self.server = None

    @property
    def url(self):
        login = f"{self.login}@" if self.login else ""
        return f"http://{login}127.0.0.1:{self.port}/mail-events"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.let_go.clear()
        self.server = _Server(("127.0.0.1", self.port), _Conversation)
        self.server.receiver = self
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        """As if killed: what is under way is cut off, and nobody listens any more."""
        if self.server is None:
            return
        server, self.server = self.server, None
        server.shutdown()
        server.server_close()
        server.cut_all()
        self.let_go.set()

    @contextlib.contextmanager
    def hanging(self):
        """Meanwhile requests are taken and not answered."""
        before = self.answer
        self.let_go.clear()
        self.answer = self._hang
        try:
            yield
        finally:
            self.answer = before
            self.let_go.set()

    def _hang(self, request):
        self.let_go.wait()
        return DROP

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    def all(self):
        with self.lock:
            return list(self.requests)

    # --- what the application knows

    def taken(self):
        """Events by their first arrival that was answered with 2xx; what comes again is known by its eventId."""
        events = {}
        for request in self.all():
            for event in request.events if request.is_taken else []:
                events.setdefault(event["eventId"], event)
        return list(events.values())

    def of(self, **fields):
        return [event for event in self.taken() if all(event.get(name) == value for name, value in fields.items())]

    def wait_for(self, count=1, **fields):
        wait_until(lambda: len(self.of(**fields)) >= count,
                   lambda: f"{count} events {fields}; there are {[brief(event) for event in self.taken()]}")
        return self.of(**fields)

    # --- claims

    def claim_told(self, *expected, **fields):
        """Exactly these (recipient, status) of the events with these fields, in this order."""
        self.wait_for(len(expected), **fields)
        claim_equal([brief(event) for event in self.of(**fields)], list(expected), "events told")

    def claim_well_made(self):
        """What holds for every request: signed, JSON, one event with its id; and each message's events in their order."""
        for request in self.all():
            claim(request.is_signed, f"a request is not signed as documented: {request.headers} {request.body!r}")
            claim_equal(request.headers.get("content-type"), "application/json", "Content-Type")
            if len(request.events) == 1:
                claim_equal(request.headers.get("idempotency-key"), request.events[0]["eventId"], "Idempotency-Key")
        by_message = collections.defaultdict(list)
        for event in self.taken():
            by_message[event["queueId"]].append(event["sentAt"])
        for queue_id, times in by_message.items():
            claim_equal(times, sorted(times), f"times of the events of message {queue_id} as they came")


def brief(event):
    return event["recipient"], event["status"]


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments):
        self.connections = set()
        self.lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request, address):
        with self.lock:
            self.connections.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        with self.lock:
            self.connections.discard(request)
        super().shutdown_request(request)

    def cut_all(self):
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, address):
        pass   # who was cut off


class _Conversation(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_signed = receiver.is_from_mailcore(receiver.secret, headers.get("x-mailcore-signature", ""), body)
        request = Request(time.monotonic(), headers, body, is_signed)
        receiver.note(request)
        answer = receiver.answer(request)
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if status is DROP:
            self.close_connection = True
            request.answered = DROP
            return
        request.answered = status     # before the answer: mailcore may be told of it sooner than we are
        self.send_response(status)
        for name, value in {**more, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass
