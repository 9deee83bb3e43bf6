"""An SMTP client that sends exactly the bytes it is told to: bare newlines, 8-bit, pipelined commands, XCLIENT.

    with SmtpClient("127.0.0.1", 2525) as client:
        client.introduce(address="10.0.0.250", login="kbz")
        client.command("MAIL FROM:<a@b>")

Each command returns a Reply; refusals are values, only a lost connection raises."""

import base64
import dataclasses
import socket
import ssl

from . import patterns

TIMEOUT_SECONDS = 60


class ConnectionLost(Exception):
    """The server closed where a reply was due; a killed daemon must never cause this."""


@dataclasses.dataclass(frozen=True)
class Reply:
    code: int
    text: str            # all lines, joined by blanks, without the codes

    def __str__(self):
        return f"{self.code} {self.text}"

    @property
    def is_success(self):
        return self.code < 400

    def matches(self, pattern):
        return patterns.matches(str(self), pattern)


class SmtpClient:
    def __init__(self, host, port, timeout=TIMEOUT_SECONDS):
        self.connection = socket.create_connection((host, port), timeout=timeout)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.connection.makefile("rb")
        self.greeting = self.read_reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.connection.close()

    def quit(self):
        """Leave politely; whatever the server still says is nobody's claim."""
        try:
            self.command("QUIT")
        except (ConnectionLost, OSError):
            pass
        self.close()

    def send(self, data):
        self.connection.sendall(data)

    def read_reply(self):
        lines = []
        while True:
            line = self._read_line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), " ".join(lines))

    def _read_line(self):
        try:
            line = self.reader.readline()
        except ConnectionResetError:
            line = b""
        if not line.endswith(b"\n"):
            raise ConnectionLost(f"the server closed the connection; last bytes: {line!r}")
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def command(self, text):
        """One command line, str or raw bytes, without its CR LF."""
        self.send((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return self.read_reply()

    def introduce(self, address=None, login=None, name="client.test", **attributes):
        """EHLO, and where something is to be pretended, XCLIENT and EHLO again."""
        reply = self.command(f"EHLO {name}")
        pretended = xclient_attributes(address, login, attributes)
        if not pretended:
            return reply
        accepted = self.command(f"XCLIENT {pretended}")
        return self.command(f"EHLO {name}") if accepted.is_success else accepted

    def login(self, name, password):
        response = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {response}")

    def start_tls(self, certificate=None, name="client.test"):
        """STARTTLS with a client certificate; the server's self-signed one is not what is tested here."""
        reply = self.command("STARTTLS")
        if not reply.is_success:
            return reply
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        self.reader.close()
        self.connection = context.wrap_socket(self.connection)
        self.reader = self.connection.makefile("rb")
        return self.command(f"EHLO {name}")

    def data(self, message):
        """DATA and the message's raw bytes, dots stuffed at CR LF line starts only; the last reply either way."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        self.send(stuffed(message) + b".\r\n")
        return self.read_reply()

    def send_mail(self, sender, recipients, message, mail_parameters=""):
        """A whole transaction as an ordinary client does it. The first refusal, or the reply to the last dot."""
        commands = [f"MAIL FROM:<{sender}>{mail_parameters}", *(f"RCPT TO:<{recipient}>" for recipient in recipients)]
        for command in commands:
            reply = self.command(command)
            if not reply.is_success:
                self.command("RSET")
                return reply
        return self.data(message)


def stuffed(message):
    """RFC 5321 4.5.2, for lines ended by CR LF. A dot after a bare newline is left alone: it is the attack."""
    message = message if message.endswith(b"\r\n") else message + b"\r\n"
    message = message.replace(b"\r\n.", b"\r\n..")
    return b"." + message if message.startswith(b".") else message


def xclient_attributes(address, login, others):
    """XCLIENT_README: IPv6 addresses carry a prefix; an address without a name would keep the former name."""
    pairs = {}
    if address is not None:
        pairs["ADDR"] = f"IPV6:{address}" if ":" in address else address
        pairs["NAME"] = "[UNAVAILABLE]"
    if login is not None:
        pairs["LOGIN"] = login
    pairs.update(others)
    return " ".join(f"{name}={value}" for name, value in pairs.items())
