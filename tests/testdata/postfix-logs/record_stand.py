"""What record.py starts: a private Postfix with settings by the case, a server behind it that answers as told, and a
filter that interferes at one step."""

import contextlib
import pathlib
import re
import socket
import socketserver
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

from harness import ports, wiring                                     # noqa: E402
from harness.postfix import DISTRIBUTION_MASTER_CF, PrivatePostfix    # noqa: E402
from harness.waiting import wait_until                                # noqa: E402


# The server behind: says at each step what it was told to say.


class Sink(socketserver.ThreadingTCPServer):
    """`answers`: step to reply; the steps are BANNER, HELO, MAIL, RCPT, DATA, END. A reply of None hangs up. A list is
    used up from the front; its last one stays."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, **answers):
        super().__init__(("127.0.0.1", 0), SinkSession)
        self.port = self.server_address[1]
        self.answers = answers
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, step, otherwise):
        answer = self.answers.get(step, otherwise)
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer


class SinkSession(socketserver.StreamRequestHandler):
    STEPS = {b"EHLO": ("HELO", "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES"),
             b"LHLO": ("HELO", "250 sink"), b"HELO": ("HELO", "250 sink"), b"MAIL": ("MAIL", "250 2.1.0 Ok"),
             b"RCPT": ("RCPT", "250 2.1.5 Ok"), b"DATA": ("DATA", "354 go on"), b"RSET": ("RSET", "250 2.0.0 Ok"),
             b"QUIT": ("QUIT", "221 2.0.0 Bye")}

    def handle(self):
        with contextlib.suppress(OSError, StopIteration):
            self.say("BANNER", "220 sink ESMTP")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                step, otherwise = self.STEPS.get(verb, ("", "502 5.5.2 Not known here"))
                if self.say(step, otherwise).startswith("354"):
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    self.say("END", "250 2.0.0 Ok: queued as 5F1A2B3C4D")

    def say(self, step, otherwise):
        answer = self.server.answer(step, otherwise)
        if answer is None:
            raise StopIteration
        self.wfile.write(answer.encode() + b"\r\n")
        return answer


# A filter that answers at one step; just enough of the milter protocol, version 6.


class Milter(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    STEPS = {b"C": "CONNECT", b"H": "EHLO", b"M": "MAIL", b"R": "RCPT", b"T": "DATA", b"N": "EOH", b"E": "END"}

    def __init__(self, step, *answers):
        super().__init__(("127.0.0.1", 0), MilterSession)
        self.step, self.answers = step, answers
        self.endpoint = f"inet:127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class MilterSession(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(5):
            command, size = head[4:], int.from_bytes(head[:4], "big") - 1
            self.rfile.read(size)
            if command == b"O":
                self.answer(b"O" + (6).to_bytes(4, "big") + (0x3F).to_bytes(4, "big") + bytes(4))
            elif command == b"Q":
                return
            elif command not in b"ADK":
                mine = self.server.STEPS.get(command) == self.server.step
                for answer in self.server.answers if mine else (b"c",):
                    self.answer(answer)

    def answer(self, packet):
        self.wfile.write(len(packet).to_bytes(4, "big") + packet)
        self.wfile.flush()


# The private Postfix.

BASE = wiring.DISTRIBUTION | {
    "myhostname": "relay.test", "mydomain": "test", "mydestination": "", "mynetworks": "127.0.0.0/8",
    "enable_long_queue_ids": "yes", "inet_protocols": "ipv4", "inet_interfaces": "loopback-only",
    "smtp_host_lookup": "native", "smtpd_peername_lookup": "no", "smtp_tls_security_level": "none",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", "smtpd_recipient_restrictions": "",
    "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s", "in_flow_delay": "0",
    "smtpd_error_sleep_time": "0", "local_header_rewrite_clients": "", "append_dot_mydomain": "no",
    "smtp_connect_timeout": "5s", "smtpd_authorized_xclient_hosts": "127.0.0.0/8", "bounce_queue_lifetime": "1h",
    "soft_bounce": "no", "biff": "no", "notify_classes": "",
}


class Recorded(PrivatePostfix):
    def __init__(self, folder, main, services, maps):
        super().__init__(folder, sink_port=0)
        self.main, self.services, self.maps = main, services, maps

    def prepare(self):
        for name, text in self.maps.items():
            self.directories["config"].mkdir(parents=True, exist_ok=True)
            self._write(name, text)
        super().prepare()

    def write_configuration(self, wired=True):
        config, log = self.directories["config"], self.directories["log"]
        places = {"queue_directory": self.queue, "data_directory": self.directories["data"], "maillog_file": log,
                  "maillog_file_prefixes": log.parent}
        main = {name: str(value).replace("CONFIG", str(config)) for name, value in (BASE | places | self.main).items()}
        self._write("main.cf", "".join(f"{name} = {value}\n" for name, value in main.items()))
        lines = [wiring._unchrooted(line) for line in DISTRIBUTION_MASTER_CF.read_text().splitlines()
                 if not re.match(r"smtp\s+inet|#", line)]
        self.port = {name: port for name, port in zip(["smtp", *self.services], ports.free_ports(9))}
        for name, port in self.port.items():
            program, *options = self.services.get(name, ["smtpd"])
            lines.append(f"127.0.0.1:{port} inet n - n - {1 if program == 'postscreen' else '-'} {program}")
            lines += [f"  -o {{ {option} }}" for option in options]
        lines += [line for name, line in self.maps.items() if name.startswith("master-")]
        self._write("master.cf", "\n".join(lines).replace("CONFIG", str(config)) + "\n")

    def superuser(self, *options):
        return self._run("postsuper", "-c", self.directories["config"], *options)

    def flush(self):
        self._run("postqueue", "-c", self.directories["config"], "-f")

    def pick_up(self):
        """At once; pickup looks by itself once a minute."""
        self._run("postkick", "-c", self.directories["config"], "public", "pickup", "W")

    def held(self):
        return self.held_messages()[0]

    def waiting(self):
        return wait_until(self.waiting_messages, "a message to wait")[0]

    def log(self):
        return self.directories["log"].read_text(errors="surrogateescape")

    def wait_for(self, text, times=1):
        wait_until(lambda: len(re.findall(text, self.log())) >= times, lambda: f"{text}\n{self.log_tail()}")

    def talk(self, *commands, name="smtp", hello=True, wait=True):
        """Say each command and read its reply; bytes are sent as they are, None leaves without QUIT."""
        with socket.create_connection(("127.0.0.1", self.port[name]), timeout=20) as connection:
            file = connection.makefile("rwb")
            replies = [read_reply(file)]
            for command in (["EHLO client.test"] if hello else []) + list(commands):
                if command is None:
                    return replies
                data = command if isinstance(command, bytes) else command.encode() + b"\r\n"
                with contextlib.suppress(OSError):
                    file.write(data)
                    file.flush()
                    replies.append(read_reply(file))
            with contextlib.suppress(OSError):
                file.write(b"QUIT\r\n")
                file.flush()
                replies.append(read_reply(file))
            return replies

    def send(self, sender="app@shop.test", recipients=("anna@remote.test",), message=None, before=(), **options):
        text = message if message is not None else "Subject: hello\r\nMessage-ID: <1.2@shop.test>\r\n\r\nbody\r\n"
        return self.talk(*before, f"MAIL FROM:<{sender}>", *[f"RCPT TO:<{one}>" for one in recipients], "DATA",
                         text.encode() + b".\r\n", **options)


def read_reply(file):
    lines = []
    with contextlib.suppress(OSError):
        while line := file.readline():
            lines.append(line.decode(errors="replace").rstrip())
            if line[3:4] != b"-":
                break
    return "\n".join(lines)


def relay_to(postfix, sink):
    postfix.main["relayhost"] = f"[127.0.0.1]:{sink.port}"
