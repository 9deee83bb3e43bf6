"""Logins for submission: the server side of Dovecot's auth protocol, as far as Postfix's AUTH PLAIN needs it.

With it the tests really log in (AUTH, 235, permit_sasl_authenticated); most cases fake the login by XCLIENT, which
sets the same attributes and is shorter to write. The protocol: doc.dovecot.org, "Authentication Protocol" v1.1."""

import base64
import os
import shutil
import socketserver
import threading

GREETING = b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\nDONE\n"


class AuthSocket:
    """Serves a unix socket that Postfix's smtpd may ask; `connection` speaks the protocol, with us as `server.owner`."""

    def __init__(self, socket_path, connection):
        self.socket_path = str(socket_path)
        self.connection = connection
        self.server = None

    def __enter__(self):
        self.server = _Server(self.socket_path, self.connection)
        self.server.owner = self
        os.chmod(self.socket_path, 0o660)
        shutil.chown(self.socket_path, None, "postfix")
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.socket_path)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class LoginServer(AuthSocket):
    """Knows one password for every login name; which login may do what is the gate's business, not ours."""

    PASSWORD = "correct horse"

    def __init__(self, socket_path):
        super().__init__(socket_path, _Connection)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(GREETING)
        while line := self.rfile.readline():
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                self.wfile.write(_answer(fields[1], fields[3:]).encode())


def _answer(request_id, parameters):
    """PLAIN's initial response is authorization NUL login NUL password."""
    response = next((value[5:] for value in parameters if value.startswith("resp=")), "")
    _, login, password = base64.b64decode(response).decode().split("\0")
    if password == LoginServer.PASSWORD:
        return f"OK\t{request_id}\tuser={login}\n"
    return f"FAIL\t{request_id}\tuser={login}\n"
