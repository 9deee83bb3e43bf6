"""Who may log in to an upstream listener: Dovecot's auth protocol, as Postfix's smtpd asks it. Passwords change at any
moment, every attempt is remembered, PLAIN and LOGIN are known. (`harness.sasl` serves the gate's cases: PLAIN, one
password for all.)

The protocol: doc.dovecot.org, "Authentication Protocol" v1.1."""

import base64
import dataclasses
import socket
import socketserver
import threading

from harness.sasl import AuthSocket

GREETING = "VERSION\t1\t1\n{mechanisms}SPID\t1\nCUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\nDONE\n"


@dataclasses.dataclass(frozen=True)
class Attempt:
    user: str
    password: str
    mechanism: str
    succeeded: bool


class Logins(AuthSocket):
    def __init__(self, socket_path, mechanisms=("PLAIN", "LOGIN")):
        super().__init__(socket_path, _Connection)
        self.mechanisms = mechanisms
        self.lock = threading.Lock()
        self.forget_all()

    def forget_all(self):
        with self.lock:
            self.passwords, self.attempts, self.is_broken = {}, [], False

    def set(self, user, password):
        """The only password of this user from now on."""
        with self.lock:
            self.passwords[user] = password

    def remove(self, user):
        with self.lock:
            self.passwords.pop(user, None)

    def break_down(self, broken=True):
        """While broken every AUTH is answered 454, as by a provider that has lost its own directory."""
        self.is_broken = broken

    def attempts_of(self, user=None, password=None):
        with self.lock:
            return [attempt for attempt in self.attempts
                    if user in (None, attempt.user) and password in (None, attempt.password)]

    def judge(self, user, password, mechanism):
        """OK, FAIL or HANG UP."""
        with self.lock:
            good = not self.is_broken and self.passwords.get(user) == password
            self.attempts.append(Attempt(user, password, mechanism, good))
            return "OK" if good else "HANG UP" if self.is_broken else "FAIL"


class _Connection(socketserver.StreamRequestHandler):
    """One smtpd. Requests of AUTH LOGIN take two more steps; `waiting` holds where each stands."""

    def handle(self):
        logins, waiting = self.server.owner, {}
        offered = "".join(f"MECH\t{name}\tplaintext\n" for name in logins.mechanisms)
        self.say(GREETING.format(mechanisms=offered))
        while line := self.rfile.readline():
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                self.begin(fields[1], fields[2], fields[3:], waiting)
            elif fields[0] == "CONT" and fields[1] in waiting:
                self.go_on(fields[1], base64.b64decode(fields[2]).decode(), waiting)

    def begin(self, request, mechanism, parameters, waiting):
        response = next((value[5:] for value in parameters if value.startswith("resp=")), None)
        if mechanism == "PLAIN" and response:
            self.finish_plain(request, base64.b64decode(response).decode())
        elif mechanism == "PLAIN":
            waiting[request] = ("PLAIN",)
            self.say(f"CONT\t{request}\t\n")
        elif response:
            self.ask_password(request, base64.b64decode(response).decode(), waiting)
        else:
            waiting[request] = ("USER",)
            self.ask(request, "Username:")

    def go_on(self, request, text, waiting):
        state = waiting.pop(request)
        if state[0] == "PLAIN":
            self.finish_plain(request, text)
        elif state[0] == "USER":
            self.ask_password(request, text, waiting)
        else:
            self.conclude(request, state[1], text, "LOGIN")

    def ask_password(self, request, user, waiting):
        waiting[request] = ("PASSWORD", user)
        self.ask(request, "Password:")

    def finish_plain(self, request, text):
        _, user, password = text.split("\0")
        self.conclude(request, user, password, "PLAIN")

    def conclude(self, request, user, password, mechanism):
        """A server that breaks down hangs up: smtpd says 454 then."""
        verdict = self.server.owner.judge(user, password, mechanism)
        if verdict == "HANG UP":
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.say(f"{verdict}\t{request}\tuser={user}\n")

    def ask(self, request, prompt):
        self.say(f"CONT\t{request}\t{base64.b64encode(prompt.encode()).decode()}\n")

    def say(self, text):
        self.wfile.write(text.encode())
