#!/usr/bin/env python3
"""Runs the integration cases against a real private Postfix and our daemons from a build directory.

    tests/integration/run.py [--build DIR] [--list] [--only PATTERN] [--shard K/N] [-q | -v]

One line per case; the very last line is `N passed, M failed`. Exit status 0 only when nothing failed."""

import argparse
import itertools
import pathlib
import sys

from harness import tally
from harness.gate import Gate
from harness.postfix import allow_long_datagram_queues
from harness.processes import end_in_order_on_signals
from harness.suite import Suite, find_entries
from harness.waiting import HarnessError

CASES = pathlib.Path(__file__).resolve().parent / "cases"
PROJECT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=PROJECT / "build" / "dev", help="build directory (default: build/dev)")
    parser.add_argument("--only", default="*", metavar="PATTERN",
                        help="cases whose name or claim holds this (* allowed)")
    parser.add_argument("--shard", type=shard, default=(1, 1), metavar="K/N",
                        help="the K-th of N parts of the cases, which may run side by side")
    parser.add_argument("--list", action="store_true", help="print the cases and their claims, and run none")
    tally.add_options(parser)
    return parser.parse_args()


def shard(text):
    number, count = map(int, text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(text)
    return number, count


def part_of(entries, number, count):
    """Every count-th group of entries, a group being what shares daemons."""
    groups = [list(group) for _, group in
              itertools.groupby(entries, lambda entry: (entry.config, entry.name if entry.wants_fresh_daemons else ""))]
    return [entry for group in groups[number - 1::count] for entry in group]


def say(line):
    print(line, flush=True)


def list_cases(entries):
    for entry in entries:
        say(f"{entry.name:40} {entry.config.stem:12} {entry.claim}")


def run_cases(entries, options, results):
    """That the gate cannot be set up is one failure, told with its cure."""
    if not entries:
        results.fails(f"no case matches {options.only!r}", "")
        return
    try:
        if note := allow_long_datagram_queues():
            say(f"note {note}")
        with Gate(options.build) as gate:
            Suite(gate, results, options.verbose).run(entries)
    except HarnessError as error:
        results.fails("the gate can be set up", str(error))


def main():
    options = arguments()
    end_in_order_on_signals()
    entries = part_of(find_entries(CASES, options.only), *options.shard)
    if options.list:
        list_cases(entries)
        return 0
    results = tally.Tally(say, options.quiet)
    run_cases(entries, options, results)
    return 0 if results.finish() else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; everything was stopped")
        sys.exit(130)
