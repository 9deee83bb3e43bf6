#!/usr/bin/env python3
"""Runs the Vault stories: a real Vault, a real Postfix that relays to a real authenticated upstream, and vault-sync.

    tests/integration/vault/run.py [--build DIR] [--list] [--only PATTERN] [-v] [--keep]

One line per claim; the very last line is `N passed, M failed`. Exit status 0 only when nothing failed, 77 where there is
no Vault to run against (MAILCORE_REQUIRE=vault makes that a failure where one could have been built)."""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))      # the gate's harness, on which this one builds

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
    parser.add_argument("-v", "--verbose", action="store_true", help="print the stories' file names too")
    return parser.parse_args()


def say(line):
    print(line, flush=True)


def skip_note(build):
    """Where ./dev check reads that the stories did not run."""
    return pathlib.Path(build) / "vault-stories-skipped"


def run_stories(stories, program, options):
    """(passed, failed). That the site cannot be set up is one failure, told with its cure."""
    if not stories:
        say(f"FAIL no story matches {options.only!r}")
        return 0, 1
    try:
        if note := allow_long_datagram_queues():
            say(f"note {note}")
        with Site(options.build, program) as site:
            site.is_kept = options.keep
            with Lookout() as lookout:
                suite = Suite(site, say, options.verbose)
                suite.run(stories)
            suite.judge_secrecy(lookout)
            if options.keep:
                say(f"kept {site.folder}")
            return suite.passed, suite.failed
    except HarnessError as error:
        say(f"FAIL {error}")
        return 0, 1


def find_program(options):
    """The Vault to run against, and whether going without is a failure."""
    note = skip_note(options.build)
    note.unlink(missing_ok=True)
    try:
        return find_vault(), False
    except NoVault as reason:
        is_failure = reason.is_avoidable and skip_is_failure()
        text = f"the Vault stories did not run: {reason}. To run them {CURE}."
        say(f"{'FAIL' if is_failure else 'SKIP'} {text}")
        if note.parent.is_dir():
            note.write_text(text + "\n")
        return None, is_failure


def main():
    options = arguments()
    end_in_order_on_signals()
    stories = find_stories(HERE / "stories", options.only)
    if options.list:
        for story in stories:
            say(f"{story.name:50} {story.claim}")
        return 0
    program, is_failure = find_program(options)
    if program is None:
        stories = [story for story in stories if not story.needs_vault]
    passed, failed = run_stories(stories, program, options) if stories else (0, 0)
    failed += is_failure
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else SKIPPED if program is None else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; everything was stopped")
        sys.exit(130)
