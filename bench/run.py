#!/usr/bin/env python3
"""Measures mailcore's daemons against servers that do nothing, in turn, on this machine; and mailcore-outcomes against
pflogsumm, on one generated log.

    bench/run.py --build build/release                     the table
    bench/run.py --build build/release --quick             a first look, in two minutes
    bench/run.py --build build/release --write docs/performance.md
    bench/run.py --build build/release --only outcomes --outcome-lines 1000000,10000000

Builds nothing (./dev bench does), asserts nothing about time, and ends only what it started. In each round both servers
get the same load for a second, one after the other; a ratio is always of two neighbours in time, and the
medians, lowest and highest of all rounds are shown, so that a noisy machine shows as a wide range and not as a result.
"""
import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import make_config
import outcomes
import report
from server import Failed, Server

TENANTS = (1, 1_000, 100_000)
OUTCOME_LINES = (1_000_000,)     # ten million take some six minutes and 5 GiB of disk
LOG_LIMIT = 10      # seconds for the last decision lines to reach the disk


@dataclasses.dataclass
class Case:
    """One line of the table."""
    daemon: str                  # policy | milter
    tenants: int
    idle: int = 0                # connections that are open and silent
    claim: bool = False          # milter: the client names tenant and ticket in headers

    def label(self):
        extra = [f"{self.idle} idle"] * bool(self.idle) + ["claims"] * self.claim
        return f"{self.tenants:,}" + "".join(f", {word}" for word in extra)


@dataclasses.dataclass
class Sample:
    """What one load run saw of one server."""
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    cpu_us: float                # the server's processor time for one request or message
    load_cpu_us: float           # the load generator's


@dataclasses.dataclass
class Measured:
    case: Case
    null: list
    real: list
    null_mib: float
    real_mib: float
    start_seconds: float
    logged_share: float          # decision lines for each request or message
    same_wire: bool              # null filter and milter negotiated the same steps and macros

    def ratios(self):
        return [real.per_second / null.per_second for null, real in zip(self.null, self.real)]

    def ratio_by_cpu(self):
        """What the ratio of rates would be if nobody else used the machine: both sides together spend all its
        processor time, so that a rate is the inverse of their cost."""
        return statistics.median((null.cpu_us + null.load_cpu_us) / (real.cpu_us + real.load_cpu_us)
                                 for null, real in zip(self.null, self.real))

    def noise(self):
        rates = [sample.per_second for sample in self.null]
        return (max(rates) - min(rates)) / statistics.median(rates)

    def median(self, which, field):
        return statistics.median(getattr(sample, field) for sample in getattr(self, which))

    def summary(self):
        ratios = self.ratios()
        return {
            "daemon": self.case.daemon, "tenants": self.case.tenants, "idle": self.case.idle,
            "claim": self.case.claim, "rounds": len(ratios),
            "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
            "ratio_by_cpu": self.ratio_by_cpu(),
            "noise": self.noise(), "null_mib": self.null_mib, "mailcore_mib": self.real_mib,
            "start_seconds": self.start_seconds, "logged_share": self.logged_share, "same_wire": self.same_wire,
            "null": {field.name: self.median("null", field.name) for field in dataclasses.fields(Sample)},
            "mailcore": {field.name: self.median("real", field.name) for field in dataclasses.fields(Sample)},
        }


class Bench:
    def __init__(self, build, directory, rounds, seconds):
        self.programs = build / "bin"
        self.directory = directory
        self.rounds = rounds
        self.seconds = seconds

    def program(self, name):
        path = self.programs / name
        if not path.exists():
            raise Failed(f"{path} is missing: build first (./dev build)")
        return str(path)

    # Servers

    def start_null(self, case, negotiated):
        path = self.directory / f"null-{case.daemon}.sock"
        command = [self.program(f"bench-null-{case.daemon}"), "--listen", f"unix:{path}"]
        if case.daemon == "milter":
            command += ["--like", negotiated, "--stamp", "--strip", "2" if case.claim else "0"]
        return Server(command, path, self.directory / f"null-{case.daemon}.log")

    def start_real(self, case):
        command = [self.program(f"mailcore-{case.daemon}"), "--config", str(self.directory / "mailcore.yaml")]
        return Server(command, self.directory / f"{case.daemon}.sock", self.directory / f"{case.daemon}.log")

    # Load

    def load(self, case, server, seconds):
        command = [self.program(f"bench-{case.daemon}-load"), "--server", f"unix:{server.socket_path}",
                   "--population", str(self.directory / "senders.tsv"), "--seconds", str(seconds),
                   "--idle", str(case.idle)]
        if case.daemon == "milter":
            command += ["--expect-added", "3"]
        if case.claim:
            command += ["--claim", "--expect-deleted", "2"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"the load on {server.name} failed (see above): {server.last_words()}")
        return json.loads(done.stdout)

    def sample(self, case, server):
        before, load_before = server.cpu_seconds(), children_cpu_seconds()
        seen = self.load(case, server, self.seconds)
        load_cpu = children_cpu_seconds() - load_before
        self.wait_for_log_of(server)
        count = seen.get("requests") or seen["messages"]
        cpu_us = (server.cpu_seconds() - before) * 1e6 / count
        return Sample(seen["per_second"], seen["p50_us"], seen["p99_us"], seen["p999_us"], cpu_us,
                      load_cpu * 1e6 / count), count

    # The decision log

    def log_size(self):
        path = self.directory / "decisions.jsonl"
        return path.stat().st_size if path.exists() else 0

    def wait_for_log_of(self, server):
        """The log's thread may still be writing; its work belongs to the requests it logs."""
        if server.name.startswith("bench-"):
            return
        deadline = time.monotonic() + LOG_LIMIT
        size = -1
        while size != self.log_size() and time.monotonic() < deadline:
            size = self.log_size()
            time.sleep(0.05)

    def take_log_lines(self):
        """Counts the decision lines and empties the file, so that long runs need little disk."""
        path = self.directory / "decisions.jsonl"
        if not path.exists():
            return 0
        with open(path, "rb") as log:
            lines = sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))
        os.truncate(path, 0)
        return lines

    # One line of the table

    def measure(self, case):
        make_config.write_config(self.directory, case.tenants, f"inet:127.0.0.1:{free_port()}",
                                 f"inet:127.0.0.1:{free_port()}")
        with contextlib.ExitStack() as stack:
            real = stack.enter_context(self.start_real(case))
            negotiated = self.load(case, real, 1).get("negotiated")     # warm, not counted
            null = stack.enter_context(self.start_null(case, negotiated))
            same_wire = self.load(case, null, 1).get("negotiated") == negotiated
            self.wait_for_log_of(real)
            self.take_log_lines()
            nulls, reals, asked, logged = [], [], 0, 0
            for number in range(self.rounds):
                for server in (null, real) if number % 2 == 0 else (real, null):
                    sample, count = self.sample(case, server)
                    (nulls if server is null else reals).append(sample)
                    asked += count if server is real else 0
                logged += self.take_log_lines()
            return Measured(case, nulls, reals, null.memory_mib(), real.memory_mib(), real.start_seconds,
                            logged / asked, same_wire)


def children_cpu_seconds():
    """Of those that have ended: the load generators, while the servers run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cases(daemons, tenants):
    middle = tenants[len(tenants) // 2]
    for daemon in daemons:
        yield from (Case(daemon, count) for count in tenants)
        if daemon == "policy":
            yield Case(daemon, middle, idle=1_000)
        else:
            yield Case(daemon, middle, idle=300)
            yield Case(daemon, middle, claim=True)


def measure_decide(bench, tenants):
    """decide() alone, without sockets."""
    program = bench.program("bench-decide")
    results = []
    for count in tenants:
        print(f"measuring decide(), {count:,} …", file=sys.stderr)
        make_config.write_config(bench.directory, count, "", "")
        command = [program, "--config", str(bench.directory / "mailcore.yaml"), "--population",
                   str(bench.directory / "senders.tsv")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Failed("bench-decide failed (see above)")
        costs = json.loads(done.stdout)
        if costs["decide_instructions"] is None:
            costs |= count_instructions(command, bench.directory, costs["requests"])
        results.append({"tenants": count, **costs})
    return results


def count_instructions(command, directory, requests):
    """Where the processor may not be asked, valgrind counts: slowly, but exactly."""
    if shutil.which("valgrind") is None:
        return {}
    with tempfile.TemporaryDirectory(dir=directory) as dumps:
        subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no",
                        f"--callgrind-out-file={dumps}/count", *command],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        texts = [path.read_text() for path in pathlib.Path(dumps).iterdir()]
    counts = {}
    for text in texts:
        name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)$", text, re.MULTILINE)
        if name and total:
            counts[f"{name[1]}_instructions"] = int(total[1]) / requests
    return counts


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {"processor": model, "cores": os.cpu_count(), "memory_gib": round(memory),
            "kernel": platform.release(), "load_at_start": round(os.getloadavg()[0], 2),
            "date": datetime.date.today().isoformat()}


PARTS = ["policy", "milter", "decide", "outcomes"]


def numbers(text):
    return tuple(map(int, text.split(",")))


def measure_outcomes(bench, lengths):
    results = []
    for lines in lengths:
        print(f"measuring outcomes, {lines:,} lines …", file=sys.stderr)
        results.append(outcomes.measure(bench, lines))
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build directory, with bin/ below")
    parser.add_argument("--only", choices=PARTS, action="append", help="just these parts")
    parser.add_argument("--tenants", type=numbers, default=TENANTS)
    parser.add_argument("--outcome-lines", type=numbers, default=OUTCOME_LINES, metavar="N,...",
                        help="lengths of the mail log")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=int, default=1, help="of load in each round on each server")
    parser.add_argument("--quick", action="store_true", help="3 rounds only")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE", help="also write the page docs/performance.md")
    parser.add_argument("--directory", type=pathlib.Path, help="where configuration, sockets and logs go (default: a "
                        "temporary one); a disk like the one that will hold the decision log")
    given = parser.parse_args()
    if given.quick:
        given.rounds = 3
    given.only = given.only or PARTS
    return given


def run(given, directory):
    about = machine() | {"rounds": given.rounds, "seconds": given.seconds}
    bench = Bench(given.build, directory, given.rounds, given.seconds)
    measured = []
    for case in cases([part for part in ("policy", "milter") if part in given.only], given.tenants):
        print(f"measuring {case.daemon}, {case.label()} …", file=sys.stderr)
        measured.append(bench.measure(case))
    decide = measure_decide(bench, given.tenants) if "decide" in given.only else []
    told = measure_outcomes(bench, given.outcome_lines) if "outcomes" in given.only else []
    return about, measured, decide, told


def write_page(path, results):
    about, measured, decide, told = results
    if told and not measured and not decide and path.exists():
        path.write_text(report.page_with_outcomes(path.read_text(), about, told))
    else:
        path.write_text(report.page(*results))


def main():
    given = arguments()
    with contextlib.ExitStack() as stack:
        directory = given.directory or pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcore-bench-")))
        directory.mkdir(parents=True, exist_ok=True)
        results = run(given, directory.absolute())
    about, measured, decide, told = results
    if given.json:
        print(json.dumps({"machine": about, "servers": [each.summary() for each in measured], "decide": decide,
                          "outcomes": [each.summary() for each in told]}))
    else:
        print(report.table(*results))
    if given.write:
        write_page(given.write, results)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # leaving in order ends what was started
    try:
        main()
    except Failed as failure:
        sys.exit(f"bench: {failure}")
