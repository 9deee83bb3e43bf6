"""mailcore-outcomes beside the gate: it follows the private Postfix's log and the gate's decisions, from a fresh start.

    with following(gate) as outcomes:
        queue_id = outcomes.send("bounce@example.com", ticket="T-1")
        outcomes.receiver.wait_for(queueId=queue_id, status="BOUNCED")

`following` ends it in order and then claims what holds for every story: every request is signed and well made, nothing is
told out of order, and the webhook's secret and password stand in no log, argument or answer."""

import contextlib
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import urllib.request

from . import casefile, metrics, ports
from .claims import claim, claim_equal
from .daemons import SANITIZER_OPTIONS, Daemon
from .processes import start_child
from .receiver import Receiver
from .waiting import CaseFailure, wait_until

TENANT = {"client": "10.0.0.250", "sender": "amazon@inbound.keybuzz.io"}   # kbz_test of cases/default.yaml
SECRET = "7d3f-webhook-key-that-nobody-may-see-91c2"
QUICK = ["50ms", "100ms", *["200ms"] * 30]     # instead of seconds, and of a minute when the list is at its end

MESSAGE_COLUMNS = """i.name, m.queue_id, t.name, m.ticket, m.message_id, m.sender, m.client, m.began, m.changed, m.decided_at, m.size,
    m.expected, m.decided, m.opened, m.seen, m.ended, m.lost, m.refusal, m.notification_of, m.hop_of, h.name"""
RECIPIENT_COLUMNS = """m.queue_id, m.began, rt.name, r.status, r.at, r.attempts, p.name, r.open, r.told, r.counted, r.deferrals_counted,
    r.told_at, r.recipient, r.orig_to, r.relay, r.dsn, r.reason, r.notification_id, r.via, r.told_dsn"""


class Outcomes:
    """One mailcore-outcomes with a mailcore.yaml of its own, which is the gate's and `outcomes:`."""

    def __init__(self, gate, name="outcomes", receiver=None, mail_log=None, decision_log=None, state=None, **webhook):
        self.gate, self.name, self.receiver = gate, name, receiver
        self.folder = gate.folder / name
        self.folder.mkdir(exist_ok=True)
        self.config = self.folder / "mailcore.yaml"
        self.state = pathlib.Path(state or gate.folder / "state")
        self.state.mkdir(exist_ok=True)
        self.mail_log = mail_log or gate.postfix.directories["log"]
        self.decision_log = decision_log or gate.decisions.path
        self.store = self.folder / "outcomes.db"
        self.secret_file = self.folder / "webhook.key"
        self.secret_file.write_text(SECRET + "\n")
        self.secret_file.chmod(0o640)
        self.metrics_port, = ports.free_ports(1)
        self.webhook = webhook
        self.daemon = Daemon("outcomes", gate.build, self.config, self.state / "mailcore-outcomes.ctl", self.metrics_port,
                             signal.SIGHUP)
        self.write_config()

    def write_config(self):
        text = self.gate.config.read_text()
        for key, value in {"decision_log": self.decision_log, "state_directory": self.state}.items():
            text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {value}", text)
        url = self.receiver.url if self.receiver else ""
        section = {"mail_log": str(self.mail_log), "store": f"sqlite:{self.store}", "metrics": f"inet:127.0.0.1:{self.metrics_port}",
                   "providers": {"127.0.0.1": "SES"},
                   "webhook": {"url": url, "secret_file": str(self.secret_file), "retry": QUICK, **self.webhook}}
        self.config.write_text(text + f"outcomes: {json.dumps(section)}\n")

    # --- the process

    def start(self):
        self.daemon.start()

    def stop(self):
        self.daemon.stop()

    def kill(self):
        self.daemon.kill()

    def run_to_the_end(self, input_path):
        """With a file as standard input: the exit status."""
        with open(input_path, "rb") as lines, open(self.daemon.stderr_path, "ab") as stderr:
            done = subprocess.run([self.daemon.binary, "--config", self.config], stdin=lines, stdout=stderr, stderr=stderr,
                                  timeout=60, env={**os.environ, **SANITIZER_OPTIONS})
        return done.returncode

    def events(self, name):
        """What its log told under this name."""
        text = self.daemon.stderr_path.read_text(errors="replace")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    # --- mail

    def send(self, *recipients, ticket=None, headers=(), client=TENANT["client"], sender=TENANT["sender"], service="25"):
        """One message, which must be accepted; its queue id."""
        reply = self.try_to_send(*recipients, ticket=ticket, headers=headers, client=client, sender=sender, service=service)
        claim(reply.is_success, f"expected the message to be accepted, got {reply}")
        return queue_id_of(reply)

    def try_to_send(self, *recipients, ticket=None, headers=(), client=TENANT["client"], sender=TENANT["sender"], service="25"):
        tickets = [f"X-KeyBuzz-Ticket: {ticket}"] if ticket else []
        lines = [f"From: {sender}", *tickets, *headers, "", "Hello."]
        if not any(header.lower().startswith("message-id:") for header in headers):
            lines.insert(0, f"Message-ID: <{next(_numbers)}.outcomes@client.test>")
        with self.gate.connect(service, client) as connection:
            reply = connection.send_mail(sender, recipients, casefile.block_bytes(lines))
            connection.quit()
        return reply

    # --- what it knows

    def ctl(self, *arguments):
        """mailcorectl on its configuration, which must succeed; what it prints."""
        done = self.try_ctl(*arguments)
        claim_equal(done.returncode, 0, f"status of mailcorectl {' '.join(map(str, arguments))}, which said {done.stdout + done.stderr!r}")
        return done.stdout

    def try_ctl(self, *arguments):
        command = [self.gate.build / "bin" / "mailcorectl", *arguments, "--config", self.config]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=self._environment())
        _answers.append(done.stdout + done.stderr)
        return done

    def start_ctl(self, output, *arguments):
        """In the background, into a file: for --follow."""
        command = [self.gate.build / "bin" / "mailcorectl", *arguments, "--config", self.config]
        with open(output, "wb") as stream:
            return start_child(command, stdout=stream, stderr=stream, environment=self._environment())

    def _environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR": "1", **SANITIZER_OPTIONS}

    def list(self, **filters):
        """`outcomes --json`: newest first."""
        options = [word for name, value in filters.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        return json.loads(self.ctl("outcomes", "--json", *options))

    def wait_for(self, count=1, **fields):
        """Until so many outcomes in the store have these fields."""
        def found():
            return [one for one in self.list(limit=10000) if all(one.get(name) == value for name, value in fields.items())]
        wait_until(lambda: len(found()) >= count, lambda: f"{count} outcomes {fields}; there are {self.list()}")
        return found()

    def wait_for_one(self, **fields):
        one, = self.wait_for(**fields)
        return one

    def queue(self):
        """The webhook's queue as `queue stats --json` has it."""
        return json.loads(self.ctl("queue", "stats", "--json", *self.postfix_option()))["webhook"]

    def postfix_option(self):
        return "--postfix-config", self.gate.postfix.directories["config"]

    def failed(self):
        return json.loads(self.ctl("queue", "failed", "--json"))

    def wait_for_queue(self, **expected):
        wait_until(lambda: {name: self.queue()[name] for name in expected} == expected,
                   lambda: f"the webhook's queue to be {expected}; it is {self.queue()}")

    def metric(self, name, **labels):
        return metrics.total(self.daemon.metrics(), name, frozenset(labels.items()))

    def wait_for_metric(self, expected, name, **labels):
        """They are made once a second."""
        wait_until(lambda: self.metric(name, **labels) == expected,
                   lambda: f"{name} {labels} to be {expected}; it is {self.metric(name, **labels):g}")

    def rows(self):
        """What the store holds, in words and without its own numbers: messages, recipients and what is
        counted of them."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as database:
            messages = database.execute(f"SELECT {MESSAGE_COLUMNS} FROM messages m JOIN names i ON i.id = m.instance "
                                        "JOIN names t ON t.id = m.tenant JOIN names h ON h.id = m.hop_instance").fetchall()
            recipients = database.execute(f"SELECT {RECIPIENT_COLUMNS} FROM recipients r JOIN messages m ON m.id = r.message "
                                          "JOIN names rt ON rt.id = r.tenant JOIN names p ON p.id = r.provider").fetchall()
            counters = database.execute("SELECT name, value FROM counters WHERE name NOT LIKE 'webhook|%'").fetchall()
        return {"messages": sorted(messages), "recipients": sorted(recipients), "counters": sorted(counters)}

    def event_ids(self, final_only=False):
        """Of all that the webhook has told or is to tell."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as database:
            condition = "WHERE status <> 1" if final_only else ""
            return {row[0] for row in database.execute(f"SELECT event_id FROM events {condition}")}

    def deferrals_told(self):
        """Queue ids of what the webhook has told, or is to tell, as put off."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as database:
            return {row[0] for row in database.execute("SELECT m.queue_id FROM events e JOIN messages m ON m.id = e.message "
                                                       "WHERE e.status = 1")}


_numbers = iter(range(1, 1 << 30))
_answers = []    # of mailcorectl, since the story began


def queue_id_of(reply):
    return re.search(r"queued as (\w+)", str(reply))[1]


@contextlib.contextmanager
def following(gate, login=None, **settings):
    """A story's mailcore-outcomes on empty logs, and an application that takes its events."""
    begin_new_logs(gate)
    _answers.clear()
    with contextlib.ExitStack() as stack:
        application = stack.enter_context(Receiver(SECRET.encode(), login))
        remove_folder(gate.folder / "outcomes")
        outcomes = Outcomes(gate, receiver=application, **settings)
        try:
            outcomes.start()
            yield outcomes
            gate.postfix.wait_until_idle()
            outcomes.daemon.check_health()
            claim_secret_is_kept(outcomes)
            outcomes.stop()
        except CaseFailure as failure:
            raise CaseFailure(f"{failure}\n--- mailcore-outcomes\n{outcomes.daemon.stderr_tail()}") from failure
        finally:
            outcomes.daemon.abandon()
        application.claim_well_made()


def remove_folder(folder):
    for path in sorted(folder.glob("*")):
        path.unlink()


def begin_new_logs(gate):
    """Both logs are emptied where they stand (their writers append), and what rotation made of them goes."""
    for log in (gate.postfix.directories["log"], gate.decisions.path):
        for old in log.parent.glob(f"{log.name}?*"):
            old.unlink()
        os.truncate(log, 0)
    gate.mark_logs()


def claim_secret_is_kept(outcomes):
    """Neither the key nor the URL's password: not in a log, in the arguments of the process, or in an answer."""
    login = outcomes.receiver.login
    secrets = [SECRET, *([login.partition(":")[2]] if login else [])]
    places = {path.name: path.read_text(errors="replace")
              for path in (outcomes.daemon.stderr_path, outcomes.gate.postfix.directories["log"], outcomes.gate.decisions.path)}
    if outcomes.daemon.child is not None:
        process = pathlib.Path("/proc") / str(outcomes.daemon.child.pid)
        places |= {name: (process / name).read_text(errors="replace") for name in ("cmdline", "environ")}
        for page in ("metrics", "stats", ""):
            places[f"/{page}"] = _page(outcomes.metrics_port, page)
        places["status"] = outcomes.try_ctl("status", "--json").stdout
    places["answers of mailcorectl"] = "\n".join(_answers)
    for place, text in places.items():
        for secret in secrets:
            claim(secret not in text, f"the webhook's secret stands in {place}")


def _page(port, page):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=30) as response:
        return response.read().decode()
