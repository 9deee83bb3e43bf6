"""mailcore-milter as a child process on a private configuration, in a folder of its own that goes with it."""

import grp
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from milter_client import MilterClient

COMPLAINT = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:|terminate called|Assertion")
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
              "TSAN_OPTIONS": "exitcode=66"}

PREAMBLE = """\
log: {{format: text, target: stderr}}
decision_log: {folder}/decisions.jsonl
state_directory: {folder}/state
socket_mode: "0660"
socket_group: {group}
milter: {{listen: "{listen}", metrics: ""}}
stamp: {{keys_file: {folder}/keys.yaml}}
"""

TENANTS = """\
networks: {backend: [10.0.0.250/32, "2001:db8::250/128"]}
rules: [{name: look-first, when: {recipient: "@watched.test"}, action: hold},
        {name: half, when: {recipient: "@half.test"}, action: reject, text: "50% is not enough"}]
tenants:
  acme:     {clients: [$backend], senders: ["@acme.test"], from: off, recipients: {deny: ["@bad.test"]}}
  books:    {clients: [$backend], senders: ["@books.test"], from: off}
  observed: {clients: [$backend], senders: ["@observed.test"], from: off, mode: observe, ticket: {required: true}}
  shop:     {logins: [shop], senders: ["@shop.test"], from: off}
"""

SIZED = """\
tenants:
  acme: {clients: [10.0.0.250], senders: ["@acme.test"], from: off, size: 1000}
"""


LONGEST_NOTE = 3000   # bytes of the milter's last words in a report


class Failure(Exception):
    """A claim does not hold."""


def wait_until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise Failure(f"waited {seconds} s in vain for {what}")


class Milter:
    """One daemon; used by `with`. Its end is part of the test: status 0, and nothing to complain of."""

    def __init__(self, binary, config=TENANTS, listen=None, group=None):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-milter-"))
        self.socket = str(self.folder / "milter.sock")
        self.listen = listen or f"unix:{self.socket}"
        self.group = group or grp.getgrgid(os.getgid()).gr_name
        self.config = self.folder / "mailcore.yaml"
        (self.folder / "state").mkdir()
        self.write_keys()
        self.configure(config)
        self.child = None
        self.runs = 0

    def write_keys(self):
        keys = self.folder / "keys.yaml"
        keys.write_text("active: k1\nkeys: {k1: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}\n")
        keys.chmod(0o640)

    def configure(self, config, preamble=PREAMBLE):
        self.config.write_text(preamble.format(folder=self.folder, group=self.group, listen=self.listen) + config)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(self, kind, exception, _):
        try:
            if exception is not None:
                exception.add_note("--- the milter said:\n" + self.stderr()[-LONGEST_NOTE:])
            elif self.child is not None:
                self.stop()
        finally:
            self.clean_up()

    def clean_up(self):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.runs += 1
        with open(self.folder / "stderr", "ab") as stderr:
            self.child = subprocess.Popen([self.binary, "--config", self.config], stdin=subprocess.DEVNULL, stdout=stderr,
                                          stderr=stderr, env={**os.environ, **SANITIZERS})
        wait_until(self.is_ready, "the milter to start")

    def is_ready(self):
        if self.child.poll() is not None:
            raise Failure(f"the milter ended with {self.child.returncode}:\n{self.stderr()}")
        return self.stderr().count(" started ") == self.runs

    def check(self):
        """--check: its exit status and what it says."""
        done = subprocess.run([self.binary, "--config", self.config, "--check"], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def stop(self, how=signal.SIGTERM):
        child, self.child = self.child, None
        child.send_signal(how)
        try:
            status = child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise Failure("the milter does not stop")
        if status != 0:
            raise Failure(f"the milter ended with {status}:\n{self.stderr()}")
        if COMPLAINT.search(self.stderr()):
            raise Failure(f"the milter complained:\n{self.stderr()}")

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.child = None

    def reload(self, config, event=" rules_reloaded "):
        before = self.stderr().count(event)
        self.configure(config)
        self.child.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.stderr().count(event) > before, event.strip())

    def stderr(self):
        path = self.folder / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def client(self, **options):
        return MilterClient(self.socket, **options)

    def decisions(self, count):
        """The decision lines, when there are `count` of them; no more may come."""
        path = self.folder / "decisions.jsonl"
        lines = wait_until(lambda: (found := path.read_text().splitlines()) and len(found) >= count and found,
                           f"{count} decision lines")
        if len(lines) != count:
            raise Failure(f"{len(lines)} decision lines, not {count}:\n" + "\n".join(lines))
        return [json.loads(line) for line in lines]
