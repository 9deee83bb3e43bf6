#!/usr/bin/env python3
"""Runs the Vault stories: a real Vault, a real Postfix that relays to a real authenticated upstream, and vault-sync.

    tests/integration/vault/run.py [--build DIR] [--list] [--only PATTERN] [-q | -v] [--keep]

One line per claim; the very last line is `N passed, M failed`. Exit status 0 only when nothing failed, 77 where there is
no Vault to run against (MAILCORE_REQUIRE=vault makes that a failure where one could have been built)."""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))      # the gate's harness, on which this one builds

from harness import tally                                         # noqa: E402
from harness.postfix import allow_long_datagram_queues            # noqa: E402
from harness.processes import end_in_order_on_signals, guardian   # noqa: E402
from harness.waiting import HarnessError                          # noqa: E402
from stand.program import CURE, NoVault, find_vault, skip_is_failure   # noqa: E402
from stand.secrecy import Lookout                                 # noqa: E402
from stand.site import Site                                       # noqa: E402
from stand.suite import Suite, find_stories                       # noqa: E402

PROJECT = HERE.parents[2]
SKIPPED = 77


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=PROJECT / "build" / "dev", help="build directory (default: build/dev)")
    parser.add_argument("--only", default="*", metavar="PATTERN",
                        help="stories whose name or claim holds this (* allowed)")
    parser.add_argument("--list", action="store_true", help="print the stories and their claims, and run none")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs, and print its name")
    tally.add_options(parser)
    return parser.parse_args()


def say(line):
    print(line, flush=True)


def skip_note(build):
    """Where ./dev check reads that the stories did not run."""
    return pathlib.Path(build) / "vault-stories-skipped"


def run_stories(stories, program, options, results):
    """That the site cannot be set up is one failure, told with its cure."""
    if not stories:
        results.fails(f"no story matches {options.only!r}", "")
        return
    try:
        if note := allow_long_datagram_queues():
            say(f"note {note}")
        with Site(options.build, program) as site:
            site.is_kept = options.keep
            with Lookout() as lookout:
                suite = Suite(site, results, options.verbose)
                suite.run(stories)
            suite.judge_secrecy(lookout)
            if options.keep:
                say(f"kept {site.folder}")
    except HarnessError as error:
        results.fails("the site can be set up", str(error))


def find_program(options, results):
    """The Vault to run against; None where there is none, which may be a failure."""
    note = skip_note(options.build)
    note.unlink(missing_ok=True)
    try:
        return find_vault()
    except NoVault as reason:
        text = f"the Vault stories did not run: {reason}. To run them {CURE}."
        if reason.is_avoidable and skip_is_failure():
            results.fails(text, "")
        else:
            say(f"SKIP {text}")
        if note.parent.is_dir():
            note.write_text(text + "\n")
        return None


def main():
    options = arguments()
    end_in_order_on_signals()
    stories = find_stories(HERE / "stories", options.only)
    if options.list:
        for story in stories:
            say(f"{story.name:50} {story.claim}")
        return 0
    results = tally.Tally(say, options.quiet)
    program = find_program(options, results)
    if program is None:
        stories = [story for story in stories if not story.needs_vault]
    if stories or program is not None:
        run_stories(stories, program, options, results)
    is_good = results.finish()
    return 1 if not is_good else SKIPPED if program is None else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; everything was stopped")
        sys.exit(130)
