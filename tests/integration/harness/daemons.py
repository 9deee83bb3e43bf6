"""Our daemons as processes: started on a generated mailcore.yaml, watched, reloaded, stopped and killed.

Whatever a sanitizer says on standard error, and any exit status but the asked-for one, fails the case at hand."""

import os
import pathlib
import re
import signal
import socket

from . import metrics, ports
from .processes import kill_child, start_child, stop_child
from .waiting import CaseFailure, HarnessError, wait_until

SANITIZER_COMPLAINT = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:|terminate called|Assertion")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1:exitcode=66",
}


class Daemon:
    def __init__(self, name, build, config, socket_path, metrics_port, reload_signal):
        self.name = name
        self.binary = pathlib.Path(build) / "bin" / f"mailcore-{name}"
        self.config = config
        self.socket_path = pathlib.Path(socket_path)
        self.metrics_port = metrics_port
        self.reload_signal = reload_signal
        self.stderr_path = pathlib.Path(config).with_name(f"{name}.stderr")
        self.child = None
        require_short(self.socket_path)

    def start(self):
        """Start and wait until both sockets answer. Standard error is appended, so a restart hides nothing."""
        if not self.binary.exists():
            raise HarnessError(f"{self.binary} is not there: build first, or name the build with --build")
        with open(self.stderr_path, "ab") as stderr:
            self.child = start_child([self.binary, "--config", self.config], stdout=stderr, stderr=stderr,
                                     environment={**os.environ, **SANITIZER_OPTIONS})
        wait_until(self._is_ready, lambda: f"mailcore-{self.name} to be ready\n{self.stderr_tail()}",
                   error=HarnessError)

    def _is_ready(self):
        if self.child.poll() is not None:
            raise HarnessError(f"mailcore-{self.name} ended with {self.child.returncode}\n{self.stderr_tail()}")
        return ports.accepts_connections(socket.AF_UNIX, str(self.socket_path)) and self._serves_metrics()

    def _serves_metrics(self):
        try:
            return bool(self.metrics())
        except OSError:   # no connection yet, or the port is open and the page not there yet
            return False

    def ask_to_stop(self):
        """SIGTERM without waiting, so that several may stop at once."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()

    def stop(self):
        """SIGTERM; a daemon that does not end with 0, or complained, has failed."""
        if self.child is None:
            return
        child, self.child = self.child, None
        status = stop_child(child)
        complaint = self.complaint()
        if status != 0 or complaint:
            raise CaseFailure(f"mailcore-{self.name} ended with {status} on SIGTERM {complaint or ''}\n"
                              f"{self.stderr_tail()}")

    def kill(self):
        """SIGKILL: what a crash or the kernel's memory killer looks like to Postfix."""
        kill_child(self.child)
        self.child = None

    def abandon(self):
        """End it without judging, when something else has failed already."""
        if self.child is not None:
            stop_child(self.child, seconds=5)
            self.child = None

    def restart(self):
        self.stop()
        self.start()

    def reload_by_signal(self):
        """SIGHUP for the policy daemon; SIGUSR1 for the milter, where libmilter takes SIGHUP as stop. A signal answers
        nobody, so the counter of reloads, good or failed, tells when it is done."""
        before = self.reloads()
        self.child.send_signal(self.reload_signal)
        wait_until(lambda: self.reloads() > before, f"mailcore-{self.name} to reload by signal")

    def reloads(self):
        return metrics.total(self.metrics(), "mailcore_reloads_total")

    def metrics(self):
        return metrics.read(self.metrics_port)

    def complaint(self):
        """The first line in which a sanitizer or the runtime complains, or None."""
        text = self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""
        return next((line for line in text.splitlines() if SANITIZER_COMPLAINT.search(line)), None)

    def check_health(self):
        """Between cases: alive and without complaint."""
        if self.child is not None and self.child.poll() is not None:
            status, self.child = self.child.returncode, None
            raise CaseFailure(f"mailcore-{self.name} ended by itself with {status}\n{self.stderr_tail()}")
        if complaint := self.complaint():
            raise CaseFailure(f"mailcore-{self.name}: {complaint}\n{self.stderr_tail(200)}")

    def stderr_tail(self, lines=40):
        if not self.stderr_path.exists():
            return ""
        return "\n".join(self.stderr_path.read_text(errors="replace").splitlines()[-lines:])


def policy_daemon(build, config, socket_directory, metrics_port):
    return Daemon("policy", build, config, socket_directory / "policy.sock", metrics_port, signal.SIGHUP)


def milter_daemon(build, config, socket_directory, metrics_port):
    return Daemon("milter", build, config, socket_directory / "milter.sock", metrics_port, signal.SIGUSR1)


def require_short(path):
    """sockaddr_un holds 108 bytes, and Postfix stops with a fatal error above that."""
    if len(os.fsencode(path)) >= 108:
        raise HarnessError(f"socket path too long: {path}; set TMPDIR to something short")
