"""The SMTP server behind the relay host: keeps each message with its envelope and its bytes as they came.

It offers 8BITMIME, so that smtp(8) converts nothing, and no SMTPUTF8, so that a stamp which is not ASCII bounces
and is noticed. A message ends at CR LF . CR LF and nowhere else."""

import contextlib
import dataclasses
import re
import socketserver
import threading

from .headers import header_fields
from .waiting import wait_until


@dataclasses.dataclass
class Delivered:
    sender: str
    recipients: list
    raw: bytes              # as received, dots unstuffed, CR LF line ends
    claimed: bool = False   # an assertion of the running case has looked at it
    signed: bool = True     # False where the case says that stamps are unsigned

    @property
    def headers(self):
        """[(name, value)] as they came: the name without blanks before the colon, the value unfolded."""
        return header_fields(self.raw)

    def values(self, name):
        return [value for found, value in self.headers if found.lower() == name.lower()]

    @property
    def body(self):
        return self.raw.partition(b"\r\n\r\n")[2]


class Sink:
    def __init__(self):
        self.messages = []
        self.lock = threading.Lock()
        self.is_away = False
        self.turned_away = 0       # messages, since it is away
        self.answers = {}          # recipient to what it is answered, where that is no 250
        self.server = _Server(("127.0.0.1", 0), _Session)
        self.server.sink = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def keep(self, message):
        with self.lock:
            self.messages.append(message)

    def all(self):
        with self.lock:
            return list(self.messages)

    def clear(self):
        with self.lock:
            self.messages.clear()
            self.answers.clear()

    def to(self, recipient):
        return [message for message in self.all() if recipient in message.recipients]

    @contextlib.contextmanager
    def away(self):
        """Meanwhile every message is told to come again: it waits in Postfix's queue."""
        self.turned_away, self.is_away = 0, True
        try:
            yield
        finally:
            self.is_away = False

    def wait_for(self, recipient):
        """The first message to this recipient, waiting for it to arrive."""
        found = wait_until(lambda: self.to(recipient), f"a delivery to {recipient}")
        return found[0]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Session(socketserver.StreamRequestHandler):
    """One connection of Postfix's smtp(8) client."""

    def handle(self):
        self.sender, self.recipients = None, []
        self.reply("220 sink ESMTP")
        while line := self.rfile.readline(4096):
            verb, _, rest = line.strip().decode("utf-8", "replace").partition(" ")
            answer = getattr(self, "on_" + verb.lower(), None)
            self.reply(answer(rest) if answer else "502 5.5.1 not known here")
            if verb.upper() == "QUIT":
                return

    def reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def on_ehlo(self, _):
        return "250-sink\r\n250 8BITMIME"

    def on_helo(self, _):
        return "250 sink"

    def on_mail(self, rest):
        self.sender, self.recipients = _address(rest), []
        return "250 2.1.0 Ok"

    def on_rcpt(self, rest):
        sink = self.server.sink
        if sink.is_away:
            with sink.lock:
                sink.turned_away += 1
            return "451 4.3.2 away"
        if answer := sink.answers.get(_address(rest)):
            return answer
        self.recipients.append(_address(rest))
        return "250 2.1.5 Ok"

    def on_data(self, _):
        self.reply("354 go on")
        raw = self.read_message()
        self.server.sink.keep(Delivered(self.sender, self.recipients, raw))
        self.sender, self.recipients = None, []
        return "250 2.0.0 kept"

    def on_rset(self, _):
        self.sender, self.recipients = None, []
        return "250 2.0.0 Ok"

    def on_quit(self, _):
        return "221 2.0.0 Bye"

    def read_message(self):
        content = b""
        while not (content == b".\r\n" or content.endswith(b"\r\n.\r\n")):
            line = self.rfile.readline()
            if not line:
                raise ConnectionError("the sender left in the middle of a message")
            content += line
        return re.sub(rb"(?m)^\.", b"", content[:-3])


def _address(command_rest):
    """FROM:<a@b> SIZE=1 gives a@b; angle brackets inside quotes are the sender's business."""
    return re.match(r"[A-Za-z]+:\s*<(.*)>", command_rest).group(1)
