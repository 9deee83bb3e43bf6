"""Logs become outcomes; the yardstick is pflogsumm, which counts the same generated day in the same run."""
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from server import Failed

CONFIG = """\
log:             {{level: warning, format: text, target: stderr}}
decision_log:    {decisions}
state_directory: {directory}/state
networks:        {{backend: [10.0.0.0/8]}}
tenants:         {{shop0: {{clients: [backend], senders: ["@shop0.example"]}}}}
outcomes:        {{mail_log: "-", store: "sqlite:{directory}/{store}", retention: 3660d, metrics: ""}}
"""


@dataclasses.dataclass
class Cost:
    """What it takes to work through the log once."""
    lines_per_second: float      # by the clock
    lines_per_cpu_second: float  # user and system time
    peak_mib: float

    @classmethod
    def of(cls, lines, seconds, cpu_seconds, peak_mib):
        return cls(lines / seconds, lines / cpu_seconds, peak_mib)


@dataclasses.dataclass
class Outcomes:
    """One length of the log: what each program makes of it."""
    lines: int
    costs: dict                  # title to Cost
    store_mib: float
    ticket_ms: float             # OutcomeStore::query
    ticket_worst_ms: float
    ctl_ms: float                # mailcorectl outcomes --ticket, with the start of both its programs

    def ratios(self, title):
        """Against pflogsumm, which ran just before or after."""
        ours, theirs = self.costs[title], self.costs["pflogsumm"]
        return ours.lines_per_second / theirs.lines_per_second, ours.lines_per_cpu_second / theirs.lines_per_cpu_second

    def summary(self):
        return dataclasses.asdict(self)


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(command[0]).name} failed (see above)")
    return json.loads(done.stdout)


def run_service(program, directory, decisions, lines):
    """The daemon itself, reading the log from standard input until its end, into a fresh store."""
    for old in directory.glob("service.db*"):
        old.unlink()
    (directory / "state").mkdir(exist_ok=True)
    config = directory / "service.yaml"
    config.write_text(CONFIG.format(directory=directory, decisions=decisions, store="service.db"))
    began = time.monotonic()
    with open(directory / "mail.log", "rb") as log:
        process = subprocess.Popen([program, "--config", str(config)], stdin=log)
        _, status, used = os.wait4(process.pid, 0)   # with its own peak memory
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed("mailcore-outcomes failed (see above)")
    return Cost.of(lines, time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def ticket_by_ctl(program, directory, tickets):
    """The median of a few, in milliseconds."""
    config = directory / "ask.yaml"
    config.write_text(CONFIG.format(directory=directory, decisions='""', store="outcomes.db"))
    took = []
    for number in range(1, 10):
        ticket = f"ticket_{tickets * number // 10}"
        began = time.monotonic()
        done = subprocess.run([program, "--config", str(config), "outcomes", "--ticket", ticket],
                              stdout=subprocess.PIPE, text=True, check=False)
        took.append((time.monotonic() - began) * 1_000)
        if done.returncode != 0 or ticket not in done.stdout:
            raise Failed(f"mailcorectl did not find {ticket}")
    return statistics.median(took)


def measure(bench, lines):
    os.environ["PATH"] += ":/usr/sbin"   # Debian's place for pflogsumm
    if shutil.which("pflogsumm") is None:
        raise Failed("pflogsumm, the yardstick for outcomes, is missing: apt-get install pflogsumm (./dev bench does)")
    directory = bench.directory / f"outcomes-{lines}"
    directory.mkdir()
    try:
        return measure_in(bench, directory, lines)
    finally:
        shutil.rmtree(directory)


def measure_in(bench, directory, lines):
    size = ["--lines", str(lines), "--keep", str(directory)]
    store = bench.program("bench-outcomes-store")
    without = run_json([store, *size, "--events", "0", "--pflogsumm", "0"])
    counted = run_json([bench.program("bench-outcomes-lines"), *size])
    stored = run_json([store, *size, "--pflogsumm", "0"])
    lines = counted["lines"]

    def cost(seen):
        return Cost.of(lines, seen["seconds"], seen["cpu_seconds"], seen["peak_mib"])

    service = bench.program("mailcore-outcomes")
    costs = {"pflogsumm": cost(counted["pflogsumm"]), "parse and count": cost(counted["mailcore"]),
             "join and store": cost(without), "join, store, queue events": cost(stored),
             "mailcore-outcomes": run_service(service, directory, directory / "decisions.jsonl", lines),
             "mailcore-outcomes, no decisions": run_service(service, directory, '""', lines)}
    ctl_ms = ticket_by_ctl(bench.program("mailcorectl"), directory, stored["decisions"])
    return Outcomes(lines, costs, stored["store_mib"], stored["ticket_query_ms"], stored["ticket_query_worst_ms"],
                    ctl_ms)
