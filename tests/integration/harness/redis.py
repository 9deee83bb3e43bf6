"""A private Redis: a real redis-server on a free port of the loopback, which can be stopped, killed and paused.

    with PrivateRedis(folder) as redis:
        redis.call("SET", "a", "b")

It keeps nothing on disk: started again it is empty, as one that lost its memory."""

import pathlib
import shutil
import signal
import socket
import ssl

from . import ports
from .processes import kill_child, start_child, stop_child
from .waiting import HarnessError, wait_until

TIMEOUT_SECONDS = 30


class PrivateRedis:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = ports.free_ports(1)[0]     # kept over restarts: the daemons must find it again
        self.child = None
        self.certificate, self.password = None, None

    @property
    def address(self):
        return f"{'redis' if self.certificate is None else 'rediss'}://127.0.0.1:{self.port}/0"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, certificate=None, password=None):
        """Start it where it does not run, and wait until it answers; with a certificate it speaks nothing but TLS."""
        if self.child is not None:
            return
        if shutil.which("redis-server") is None:
            raise HarnessError("Redis is not installed: apt-get install redis-server")
        self.folder.mkdir(exist_ok=True)
        self.certificate, self.password = certificate, password
        with open(self.folder / "log", "ab") as output:
            self.child = start_child([str(word) for word in self._command()], stdout=output, stderr=output)
        wait_until(self._answers, lambda: f"redis-server to start\n{self._log_tail()}", error=HarnessError)

    def _command(self):
        words = ["redis-server", "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", "--appendonly", "no"]
        if self.password is not None:
            words += ["--requirepass", self.password]
        if self.certificate is None:
            return [*words, "--port", self.port]
        certificate = self.certificate.certificate
        return [*words, "--port", 0, "--tls-port", self.port, "--tls-cert-file", certificate, "--tls-key-file",
                self.certificate.key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"]

    def _answers(self):
        if self.child.poll() is not None:
            raise HarnessError(f"redis-server ended with {self.child.returncode}\n{self._log_tail()}")
        return ports.accepts_connections(socket.AF_INET, ("127.0.0.1", self.port)) and self.call("PING") == "PONG"

    def stop(self):
        if self.child is not None:
            self.resume()
            child, self.child = self.child, None
            stop_child(child)

    def kill(self):
        """SIGKILL: connections break, and new ones are refused."""
        child, self.child = self.child, None
        kill_child(child)

    def pause(self):
        """SIGSTOP: the kernel still takes connections, and nobody answers."""
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def call(self, *words):
        """One command; its reply as str, int, None or a list of these. An error reply raises."""
        with self._connect() as connection, connection.makefile("rb") as reader:
            for command in ([("AUTH", self.password)] if self.password is not None else []) + [words]:
                connection.sendall(_command(command))
                reply = _read_reply(reader)
            return reply

    def _connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)
        if self.certificate is None:
            return connection
        context = ssl.create_default_context(cafile=self.certificate.certificate)
        return context.wrap_socket(connection, server_hostname="127.0.0.1")

    def flush(self):
        self.call("FLUSHALL")

    def _log_tail(self):
        log = self.folder / "log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else ""


def _command(words):
    """RESP, redis.io/docs/reference/protocol-spec: an array of bulk strings."""
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def _read_reply(reader):
    line = reader.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else reader.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return None if rest == b"-1" else [_read_reply(reader) for _ in range(int(rest))]
    raise HarnessError(f"Redis answered {line!r}")
