"""A process that outlives us for a moment: when we die without a word, even by kill -9, it ends what we started.

It reads lines from a pipe whose other end only we hold: `watch PID`, `forget PID`, `folder PATH`, `done`. The end of
the pipe without `done` means that we are gone."""

import os
import shutil
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 5


class Guardian:
    """Our side of it; started with the first child and asked to leave by `dismiss`."""

    def __init__(self):
        self.process = None

    def tell(self, *words):
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE, text=True,
                                            start_new_session=True)
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def dismiss(self):
        if self.process is not None:
            self.tell("done")
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def watch(lines):
    """The guardian's side. What it ends are sessions whose leaders its parent started and has not seen end."""
    leaders, folders = set(), set()
    for line in lines:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "done":
            return
        if word == "folder":
            folders.add(rest)
        else:
            (leaders.add if word == "watch" else leaders.discard)(int(rest))
    end_all(leaders)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end_all(leaders):
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        for leader in leaders:
            try:
                os.killpg(leader, signal_number)
            except ProcessLookupError:
                pass
        if signal_number == signal.SIGTERM:
            wait_until_gone(leaders)


def wait_until_gone(leaders):
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end and any(os.path.exists(f"/proc/{leader}") for leader in leaders):
        time.sleep(0.05)


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    watch(sys.stdin)
