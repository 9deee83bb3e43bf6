"""Log rotation as logrotate does it: numbered files, the newest is .1; renamed and reopened, or copied and truncated; packed."""

import contextlib
import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess

from .fates import run
from .waiting import HarnessError, wait_until


class Rotation:
    """Of one log. `writer` is a context in which nobody writes, `reopen` makes the writer take the new file."""

    def __init__(self, log, writer, reopen):
        self.log, self.writer, self.reopen = pathlib.Path(log), writer, reopen

    def rename(self):
        self._shift()
        os.rename(self.log, f"{self.log}.1")
        self.reopen()

    def copy_and_truncate(self):
        """The writer is held meanwhile: what it wrote in between would be lost, and that is not what is tested."""
        self._shift()
        with self.writer():
            shutil.copy2(self.log, f"{self.log}.1")
            os.truncate(self.log, 0)

    def pack(self):
        """All but the newest, which may still be written to."""
        for path in self._old():
            if path.suffix != ".gz" and path != self._numbered(1):
                subprocess.run(["gzip", path], check=True)

    def whole(self):
        """Every byte that was ever written, in its order."""
        parts = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in self._old()]
        return b"".join(parts) + self.log.read_bytes()

    def _numbered(self, number):
        return self.log.with_name(f"{self.log.name}.{number}")

    def _old(self):
        """The oldest first."""
        found = [path for path in self.log.parent.glob(f"{self.log.name}.*") if re.search(r"\.\d+(\.gz)?$", path.name)]
        return sorted(found, key=_number, reverse=True)

    def _shift(self):
        for path in self._old():
            packed = ".gz" if path.suffix == ".gz" else ""
            os.rename(path, f"{self.log}.{_number(path) + 1}{packed}")


def _number(path):
    return int(re.search(r"\.(\d+)(\.gz)?$", path.name)[1])


def of_mail_log(gate):
    log = gate.postfix.directories["log"]

    def reopen():
        run(gate, "postfix", "reload")
        wait_until(lambda: log.exists() and log.stat().st_size > 0, "Postfix to write a new log", error=HarnessError)
    return Rotation(log, lambda: _paused(_postlogd(gate)), reopen)


def of_decision_log(gate):
    """Renamed only: two daemons write it, and they open it anew at a reload."""
    log = gate.decisions.path

    def reopen():
        for daemon in gate.daemons.values():
            daemon.reload_by_signal()
        log.touch()
    return Rotation(log, contextlib.nullcontext, reopen)


@contextlib.contextmanager
def _paused(process):
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _postlogd(gate):
    def find():
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                name, parent = re.match(r"\d+ \((.*)\) \w (\d+)", stat.read_text()).groups()
                if name == "postlogd" and int(parent) == gate.postfix.master.pid:
                    return int(stat.parent.name)
        return None
    return wait_until(find, "postlogd to run", error=HarnessError)
