"""The mail server's side of the milter protocol (version 6), as Postfix 3.7 speaks it, for what miltertest cannot do:
macros at every step, commands split at every byte, edits in the order in which they come.

    with MilterClient(path) as client:
        client.connect("10.0.0.250")
        end = client.message("<a@acme.test>", ["<user@example.com>"], [("Subject", "Hello")])
        assert end.verdict == "continue" and end.added == [("X-KeyBuzz-Tenant", "acme")]
"""

import socket
import struct

# libmilter/mfdef.h
ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS, QUARANTINE, CHGFROM, ADDRCPT_PAR, SETSYMLIST = (1 << n for n in range(9))
POSTFIX_ACTIONS = 0x1FF
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH, NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ, NR_CONN, NR_HELO, \
    NR_MAIL, NR_RCPT, NR_DATA, NR_UNKN, NR_EOH, NR_BODY, HDR_LEADSPC = (1 << n for n in range(21))
POSTFIX_STEPS = 0x1FFFFF

STAGES = {"C": 0, "H": 1, "M": 2, "R": 3, "T": 4, "E": 5, "N": 6}
NO_REPLY_BIT = {"C": NR_CONN, "H": NR_HELO, "M": NR_MAIL, "R": NR_RCPT, "T": NR_DATA, "L": NR_HDR, "N": NR_EOH, "B": NR_BODY}
NOT_SENT_BIT = {"C": NOCONNECT, "H": NOHELO, "M": NOMAIL, "R": NORCPT, "T": NODATA, "L": NOHDRS, "N": NOEOH, "B": NOBODY}
VERDICTS = {"c": "continue", "a": "accept", "r": "reject", "t": "tempfail", "d": "discard", "s": "skip"}


class MilterError(Exception):
    """The filter broke the protocol or the connection."""


class Reply:
    """What a step was answered: a word of VERDICTS, or "reply" with the SMTP text."""

    def __init__(self, verdict, text=""):
        self.verdict = verdict
        self.text = text

    def __repr__(self):
        return f"{self.verdict} {self.text}".strip()


class End(Reply):
    """The answer to a message's end, with the edits in their order."""

    def __init__(self):
        super().__init__("")
        self.added = []       # (name, value)
        self.changed = []     # (name, index, value)
        self.quarantine = None

    @property
    def deleted(self):
        return [(name, index) for name, index, value in self.changed if value == ""]


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def as_text(data):
    return data.decode("utf-8", "surrogateescape")


class MilterClient:
    def __init__(self, path, actions=POSTFIX_ACTIONS, steps=POSTFIX_STEPS, version=6, macros=None, timeout=20, write=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.write = write or self.socket.sendall
        self.values = {"j": "mx.test", "v": "Postfix 3.7.11", "{daemon_name}": "mx.test", "{daemon_port}": "25",
                       "{client_addr}": "10.0.0.250", "{client_port}": "40000"}
        self.values.update(macros or {})
        self.buffer = b""
        self.negotiate(version, actions, steps)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- packets

    def send(self, command, data=b""):
        self.write(struct.pack(">I", len(data) + 1) + command.encode() + data)

    def receive(self):
        while len(self.buffer) < 5 or len(self.buffer) < 4 + struct.unpack(">I", self.buffer[:4])[0]:
            got = self.socket.recv(65536)
            if not got:
                raise MilterError("the filter closed the connection")
            self.buffer += got
        length = struct.unpack(">I", self.buffer[:4])[0]
        packet, self.buffer = self.buffer[4:4 + length], self.buffer[4 + length:]
        return chr(packet[0]), packet[1:]

    def nothing_more(self, seconds=0.2):
        """Did the filter stay silent?"""
        self.socket.settimeout(seconds)
        try:
            self.buffer += self.socket.recv(1)
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(20)
        return self.buffer == b""

    # --- negotiation

    def negotiate(self, version, actions, steps):
        self.send("O", struct.pack(">III", version, actions, steps))
        command, data = self.receive()
        if command != "O":
            raise MilterError(f"negotiation answered by {command!r}")
        self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        self.wanted = {}
        rest = data[12:]
        while rest:
            stage = struct.unpack(">I", rest[:4])[0]
            end = rest.index(b"\0", 4)
            self.wanted[stage] = as_text(rest[4:end]).split()
            rest = rest[end + 1:]

    def is_sent(self, command):
        return not self.steps & NOT_SENT_BIT.get(command, 0)

    def has_reply(self, command):
        return not self.steps & NO_REPLY_BIT.get(command, 0)

    # --- steps

    def macros(self, command, values):
        names = self.wanted.get(STAGES[command], [])
        pairs = [(name, values[name]) for name in names if values.get(name)]   # Postfix sends only what is set
        if pairs:
            self.send("D", command.encode() + b"".join(as_bytes(n) + b"\0" + as_bytes(v) + b"\0" for n, v in pairs))

    def step(self, command, data=b"", **macros):
        if command in STAGES:
            self.macros(command, {**self.values, **macros})
        if not self.is_sent(command):
            return Reply("continue")
        self.send(command, data)
        return self.reply() if self.has_reply(command) else Reply("continue")

    def reply(self):
        command, data = self.receive()
        if command == "y":
            return Reply("reply", as_text(data.rstrip(b"\0")))
        if command not in VERDICTS:
            raise MilterError(f"answered by {command!r} {data!r}")
        return Reply(VERDICTS[command])

    def connect(self, address="10.0.0.250", family="4", host="client.test", **macros):
        self.values["{client_addr}"] = address
        self.values.update(macros)
        where = b"" if family == "U" else struct.pack(">H", 40000) + as_bytes(address) + b"\0"
        reply = self.step("C", as_bytes(host) + b"\0" + family.encode() + where)
        self.helo()
        return reply

    def helo(self, name="client.test", **macros):
        return self.step("H", as_bytes(name) + b"\0", **macros)

    def mail(self, path, *parameters, **macros):
        address = path.strip("<>")
        given = {"{mail_addr}": address, **macros}
        return self.step("M", b"".join(as_bytes(part) + b"\0" for part in (path, *parameters)), **given)

    def rcpt(self, path, *parameters, **macros):
        given = {"{rcpt_addr}": path.strip("<>"), **macros}
        return self.step("R", b"".join(as_bytes(part) + b"\0" for part in (path, *parameters)), **given)

    def header(self, name, value):
        return self.step("L", as_bytes(name) + b"\0" + as_bytes(value) + b"\0")

    def body(self, data):
        return self.step("B", as_bytes(data))

    def end(self, queue_id="4jWYs717qcz8lWc"):
        self.step("N", i=queue_id)
        self.macros("E", {**self.values, "i": queue_id})
        self.send("E")
        end = End()
        while True:
            command, data = self.receive()
            if command == "h":
                name, value = data.rstrip(b"\0").split(b"\0", 1) if data.count(b"\0") > 1 else (data.rstrip(b"\0"), b"")
                end.added.append((as_text(name), as_text(value)))
            elif command == "m":
                index = struct.unpack(">I", data[:4])[0]
                name, value = data[4:].split(b"\0")[:2]
                end.changed.append((as_text(name), index, as_text(value)))
            elif command == "q":
                end.quarantine = as_text(data.rstrip(b"\0"))
            elif command == "y":
                end.verdict, end.text = "reply", as_text(data.rstrip(b"\0"))
                return end
            elif command in VERDICTS:
                end.verdict = VERDICTS[command]
                return end
            else:
                raise MilterError(f"end of message answered by {command!r}")

    def abort(self):
        self.send("A")

    def quit(self):
        self.send("Q")

    # --- a whole message

    def message(self, sender, recipients, headers, body="Hello\r\n", queue_id="4jWYs717qcz8lWc", mail_macros=None, abort=True):
        """Like Postfix: the first refusal of MAIL or of all recipients is the answer; an ABORT follows every message."""
        answer = self._message(sender, recipients, headers, body, queue_id, mail_macros or {})
        if abort:
            self.abort()
        return answer

    def _message(self, sender, recipients, headers, body, queue_id, mail_macros):
        reply = self.mail(sender, **mail_macros)
        if reply.verdict != "continue":
            return reply
        replies = [self.rcpt(recipient) for recipient in recipients]
        if all(reply.verdict != "continue" for reply in replies):
            return replies[-1]
        self.step("T", i=queue_id)
        for name, value in headers:
            self.header(name, value)
        if body:
            self.body(body)
        return self.end(queue_id)
