"""The whole gate on one machine: sink, Postfix, login server, both daemons on one configuration.

A Gate lives as long as a run; `use_config` puts another mailcore.yaml in force by starting the daemons anew. Cases
ask it for connections and for what happened since they began. Another relay host of the same fleet is a Gate,
too: harness/fleet.py."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import ports, stamp
from .certificates import Certificate, with_colons
from .daemons import SANITIZER_OPTIONS, milter_daemon, policy_daemon
from .decisions import DecisionLog
from .postfix import PrivatePostfix
from .processes import guardian
from .redis import PrivateRedis
from .sasl import LoginServer
from .sink import Sink
from .smtp import SmtpClient
from .waiting import HarnessError

CERTIFICATES = ("certified", "stranger")   # one that a tenant lists, one that none does

LONGEST_SHOWN = 700   # bytes of a log line in the report of a failure

PREAMBLE = {
    "log": "{level: info, format: json, target: stderr}",
    "decision_log": "@DECISION_LOG@",
    "state_directory": "@STATE@",
    "socket_mode": '"0660"',
    "socket_group": "postfix",
    "policy": "{listen: 'unix:@SOCKETS@/policy.sock', metrics: 'inet:127.0.0.1:@POLICY_METRICS@'}",
    "milter": "{listen: 'unix:@SOCKETS@/milter.sock', metrics: 'inet:127.0.0.1:@MILTER_METRICS@'}",
    "stamp": "{keys_file: @KEYS_FILE@}",
    "limits": "{store: 'lmdb:@STATE@/limits', fallback: 'lmdb:@STATE@/limits-local'}",
}


class Gate:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.folder = None
        self.daemons = {}
        self.marks = {}
        self._entered = []

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _set_up(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-"))
        guardian.tell("folder", self.folder)
        self.folder.chmod(0o755)          # Postfix's processes run as postfix and look in
        self._provide_surroundings()
        self.postfix = PrivatePostfix(self.folder, self.sink.port)
        self.postfix.prepare()
        self._make_certificates()
        self.logins = self._enter(LoginServer(self.postfix.queue / "private" / "auth"))
        self._enter(self.postfix)
        self.config = self.folder / "etc" / "mailcore.yaml"
        self.config.parent.mkdir()
        self.decisions = DecisionLog(self.folder / "log" / "decisions.jsonl")
        self._write_keys()
        self._make_daemons()

    def _provide_surroundings(self):
        """What the relay hosts of a fleet have in common."""
        self.sink = self._enter(Sink())
        self.redis = PrivateRedis(self.folder / "redis")   # runs while a mailcore.yaml that names it is in force
        self._entered.append(self.redis)

    def _enter(self, context):
        self._entered.append(context)
        return context.__enter__()

    def _make_certificates(self):
        tls = self.postfix.directories["config"] / "tls"
        Certificate(tls, "server")
        self.certificates = {name: Certificate(tls, name) for name in CERTIFICATES}
        lines = [f"{with_colons(certificate.public_key_digest)} {name}\n"
                 for name, certificate in self.certificates.items()]
        (self.postfix.directories["config"] / "relay_clientcerts").write_text("".join(lines))

    def _write_keys(self):
        self.keys_file = self.config.with_name("stamp-keys.yaml")
        self.keys_file.write_text(stamp.keys_file_text())
        self.keys_file.chmod(0o640)

    def _make_daemons(self):
        policy_port, milter_port = self.metrics_ports = ports.free_ports(2)
        sockets = self.postfix.socket_directory
        self.policy = policy_daemon(self.build, self.config, sockets, policy_port)
        self.milter = milter_daemon(self.build, self.config, sockets, milter_port)
        self.daemons = {"policy": self.policy, "milter": self.milter}

    def close(self):
        """Stop everything, in the opposite order of starting, and remove every file."""
        self._take_down()
        guardian.dismiss()

    def _take_down(self):
        self.abandon_daemons()
        while self._entered:
            self._entered.pop().__exit__(None, None, None)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def use_config(self, path):
        """Stop the daemons if they run, and start them on this mailcore.yaml with a state of their own."""
        self.stop_daemons()
        body = pathlib.Path(path).read_text()
        self._provide_redis("@REDIS@" in body)
        self.write_config(body)
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").mkdir()
        self.start_daemons()

    def _provide_redis(self, is_wanted):
        """A Redis that remembers nothing where the configuration names one; else none."""
        self.redis.stop()
        if is_wanted:
            self.redis.start()

    def write_config(self, body):
        """The preamble's keys that the body does not set itself, then the body, with this run's paths put in."""
        own_keys = set(re.findall(r"(?m)^(\w+):", body))
        preamble = "".join(f"{key}: {value}\n" for key, value in PREAMBLE.items() if key not in own_keys)
        self.config.write_text(self._fill_in(preamble + body))

    def _fill_in(self, text):
        places = {"DECISION_LOG": self.decisions.path, "STATE": self.folder / "state",
                  "SOCKETS": self.postfix.socket_directory, "KEYS_FILE": self.keys_file,
                  "POLICY_METRICS": self.metrics_ports[0], "MILTER_METRICS": self.metrics_ports[1],
                  "REDIS": self.redis.address}
        places |= {f"DIGEST_{name}": certificate.public_key_digest for name, certificate in self.certificates.items()}
        return re.sub(r"@(\w+)@", lambda found: str(places[found[1]]) if found[1] in places else found[0], text)

    def start_daemons(self):
        for daemon in self.daemons.values():
            daemon.start()

    def restart_daemons(self):
        self.stop_daemons()
        self.start_daemons()

    def kill_daemons(self):
        """SIGKILL."""
        for daemon in self.daemons.values():
            daemon.kill()

    def stop_daemons(self):
        """Both in order: an exit status or a complaint that they leave behind is a failure."""
        for daemon in self.daemons.values():
            daemon.ask_to_stop()
        for daemon in self.daemons.values():
            daemon.stop()

    def abandon_daemons(self):
        for daemon in self.daemons.values():
            daemon.ask_to_stop()
        for daemon in self.daemons.values():
            daemon.abandon()

    def connect(self, service="25", client=None, login=None, certificate=None, helo="client.test", listener=0):
        """A connection to one of Postfix's services, already introduced as whom it pretends to be."""
        connection = SmtpClient(*self.postfix.endpoints[service][listener])
        if certificate is not None:
            connection.introduce(client, login, helo)
            connection.start_tls(self.certificates[certificate], helo)
        elif not connection.introduce(client, login, helo).is_success:
            raise HarnessError(f"{service} did not greet us; is XCLIENT authorised?")
        return connection

    def ctl(self, *arguments, input=None):
        """mailcorectl on this gate's configuration; the caller judges exit status and output."""
        command = [self.build / "bin" / "mailcorectl", *arguments, "--config", self.config]
        if not command[0].exists():
            raise HarnessError(f"{command[0]} is not there: build first, or name the build with --build")
        return subprocess.run(command, input=input, capture_output=True, text=True, timeout=120,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR": "1", **SANITIZER_OPTIONS})

    def mark_logs(self):
        """From here on the logs belong to the case that begins."""
        self.marks = {path: path.stat().st_size if path.exists() else 0 for path in self._logs().values()}

    def events(self, daemon, name):
        """What this daemon's log told under this name since the case began, as JSON objects."""
        path = daemon.stderr_path
        lines = [parse_event(line) for line in _lines_since(path, self.marks.get(path, 0), None)]
        return [line for line in lines if line.get("event") == name]

    def _logs(self):
        return {"maillog": self.postfix.directories["log"], "decision log": self.decisions.path,
                **{f"{name}'s standard error": daemon.stderr_path for name, daemon in self.daemons.items()}}

    def report(self, lines=25):
        """What every log says since the case began, its last lines: for a person to understand a failure."""
        parts = [(title, _lines_since(path, self.marks.get(path, 0))[-lines:]) for title, path in self._logs().items()]
        return "\n".join(f"--- {title}{':' if text else ': nothing'}\n" + "\n".join(text) for title, text in parts)


def parse_event(line):
    """An object, empty where the line is none: a sanitizer's words, or a line still being written."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lines_since(path, mark, longest=LONGEST_SHOWN):
    if not path.exists():
        return []
    with open(path, "rb") as log:
        log.seek(mark)
        return [line[:longest] for line in log.read().decode(errors="replace").splitlines()]
