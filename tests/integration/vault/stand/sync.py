"""vault-sync as an operator runs it: a configuration, one command at a time or a watch, and what it said.

    sync.once()                                 exit status 0, or the story fails
    sync.run("once", expect=11).stderr
    with sync.watch() as watch: …

Each run is looked at: no sanitizer complains, and no secret is in what it prints."""

import base64
import json
import os
import pathlib
import re
import secrets as random_bytes
import signal
import subprocess
import threading

from harness import metrics, ports
from harness.daemons import SANITIZER_COMPLAINT, SANITIZER_OPTIONS
from harness.processes import guardian, start_child, stop_child
from harness.waiting import CaseFailure, HarnessError, wait_until

from . import secrecy

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "NO_COLOR": "1", **SANITIZER_OPTIONS}
PATIENCE_SECONDS = 90


class Outcome:
    def __init__(self, command, status, stdout, stderr):
        self.command, self.status, self.stdout, self.stderr = command, status, stdout, stderr

    @property
    def text(self):
        return self.stdout + self.stderr

    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise CaseFailure(f"{self} is not one JSON document") from None

    def says(self, *patterns):
        """Each pattern (without case) is somewhere in what it printed."""
        for pattern in patterns:
            if not re.search(pattern, self.text, re.IGNORECASE):
                raise CaseFailure(f"{self}\ndoes not say /{pattern}/")
        return self

    def does_not_say(self, *patterns):
        for pattern in patterns:
            if re.search(pattern, self.text, re.IGNORECASE):
                raise CaseFailure(f"{self}\nsays /{pattern}/")
        return self

    def __str__(self):
        return f"{self.command} ended with {self.status}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}---"


class VaultSync:
    """One story's vault-sync: configuration, credentials and state of its own; Postfix and Vault are shared."""

    def __init__(self, build, folder, defaults):
        self.binary = pathlib.Path(build) / "bin" / "vault-sync"
        self.folder = pathlib.Path(folder)
        self.given = self.folder / "given"         # what the operator provides: not searched for secrets
        self.given.mkdir(parents=True)
        (self.folder / "log").mkdir()
        self.settings = defaults(self)
        self.runs = 0
        self.watches = []

    @property
    def config(self):
        return self.folder / "vault-sync.yaml"

    @property
    def cache_file(self):
        return self.folder / "var" / "last-good"

    @property
    def audit_log(self):
        return self.folder / "log" / "vault-audit.jsonl"

    def give(self, name, text):
        """A file of the operator's, root's and 0600."""
        path = self.given / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def give_cache_key(self):
        return "file:" + self.give("cache.key", base64.b64encode(random_bytes.token_bytes(32)).decode() + "\n")

    def write_config(self):
        """JSON is YAML."""
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in self.settings.items() if value is not None)
        self.config.write_text(text)

    # --- commands

    def command(self, *arguments):
        self.write_config()
        if not self.binary.exists():
            raise HarnessError(f"{self.binary} is not there: build first, or name the build with --build")
        return [str(self.binary), *map(str, arguments), "--config", str(self.config)]

    def run(self, *arguments, expect=0, environment=None, fault=None, preexec=None):
        """One command to its end. `expect` is the exit status, several in a tuple, or None for any; `fault` is for
        MAILCORE_FAULT; `environment` is added to a small clean one."""
        extra = dict(environment or {}) | ({"MAILCORE_FAULT": fault} if fault else {})
        command = self.command(*arguments)
        with secrecy.starting:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env=ENVIRONMENT | extra, start_new_session=True, preexec_fn=preexec)
            secrecy.expect_environment_of(child.pid, extra)
        guardian.tell("watch", child.pid)
        try:
            stdout, stderr = child.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGABRT)
            child.communicate()
            raise CaseFailure(f"vault-sync {' '.join(map(str, arguments))} did not end in {PATIENCE_SECONDS} s") from None
        finally:
            guardian.tell("forget", child.pid)
        outcome = Outcome(f"vault-sync {' '.join(map(str, arguments))}", child.returncode,
                          stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))
        self._keep(outcome)
        self._judge(outcome, expect)
        return outcome

    def _keep(self, outcome):
        """For the search at the end, and for people."""
        self.runs += 1
        (self.folder / "log" / f"run-{self.runs:03}.txt").write_text(str(outcome))

    def _judge(self, outcome, expect):
        if complaint := SANITIZER_COMPLAINT.search(outcome.stderr):
            raise CaseFailure(f"{outcome}\n{complaint[0]}")
        if leak := secrecy.first_leak(outcome.text.encode()):
            raise CaseFailure(f"{outcome.command} prints {leak}; see its output in the log folder (kept with --keep)")
        wanted = expect if isinstance(expect, tuple) else (expect,)
        if expect is not None and outcome.status not in wanted:
            raise CaseFailure(f"expected exit status {' or '.join(map(str, wanted))}\n{outcome}")

    def once(self, *options, **details):
        return self.run("once", *options, **details)

    def status(self, **details):
        return self.run("status", "--json", **details).json()

    # --- watch mode

    def watch(self, environment=None):
        return Watch(self, environment or {})

    def end_watches(self):
        for watch in self.watches:
            watch.abandon()

    # --- what it left behind

    def audit(self):
        return [json.loads(line) for line in self.audit_log.read_text().splitlines()] if self.audit_log.exists() else []


class Watch:
    """`with sync.watch() as watch`: SIGTERM at the end, which must end it with 0."""

    def __init__(self, sync, environment):
        self.sync, self.environment = sync, environment
        self.child = None
        self.metrics_port = None
        self.stderr_path = sync.folder / "log" / f"watch-{len(sync.watches)}.stderr"
        sync.watches.append(self)

    def __enter__(self):
        self.metrics_port = ports.free_ports(1)[0]
        self.sync.settings["metrics"] = {"textfile": "", "listen": f"inet:127.0.0.1:{self.metrics_port}"}
        self.start()
        return self

    def start(self):
        with open(self.stderr_path, "ab") as stderr, secrecy.starting:
            self.child = start_child(self.sync.command("watch"), stdout=stderr, stderr=stderr,
                                     environment=ENVIRONMENT | self.environment)
            secrecy.expect_environment_of(self.child.pid, self.environment)
        wait_until(self._serves_metrics, lambda: f"vault-sync watch to serve metrics\n{self.tail()}")

    def __exit__(self, kind, *_):
        if kind is not None:
            self.abandon()
            return
        self.stop()

    def stop(self):
        child, self.child = self.child, None
        status = stop_child(child, seconds=30)
        complaint = SANITIZER_COMPLAINT.search(self.text())
        if status != 0 or complaint:
            raise CaseFailure(f"vault-sync watch ended with {status} on SIGTERM\n{self.tail()}")

    def abandon(self):
        if self.child is not None:
            stop_child(self.child, seconds=5)
            self.child = None

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def _serves_metrics(self):
        if self.child.poll() is not None:
            raise CaseFailure(f"vault-sync watch ended with {self.child.returncode}\n{self.tail()}")
        try:
            return bool(self.metrics())
        except OSError:
            return False

    def metrics(self):
        return metrics.read(self.metrics_port)

    def text(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])

    def wait_to_say(self, pattern, seconds=30):
        wait_until(lambda: re.search(pattern, self.text(), re.IGNORECASE),
                   lambda: f"vault-sync watch to say /{pattern}/\n{self.tail()}", seconds=seconds)
