"""The suite: finds the cases, groups those on one mailcore.yaml, runs them and says how each went.

A text case (NNN-name.case) runs once for each port it names. A story (NNN_name.py) is Python: its docstring's first
line is the claim, `run(gate)` proves it, CONFIG names its configuration. A story gets daemons of its own, freshly
started, since it may kill them; text cases of one configuration share theirs."""

import dataclasses
import fnmatch
import importlib.util
import itertools
import pathlib
import re
import time
import traceback
import typing

from . import casefile
from .player import Player
from .waiting import DEADLINE_OF_A_CASE, HarnessError, ends_within


ENOUGH_FAILURES_IN_A_ROW = 20   # something is broken as a whole, and each failure costs seconds


@dataclasses.dataclass
class Entry:
    name: str
    claim: str
    config: pathlib.Path       # the mailcore.yaml, beside the case
    play: typing.Callable      # takes the gate; raises when the claim does not hold
    wants_fresh_daemons: bool = False


def find_entries(folder, pattern="*"):
    """All entries whose name or claim matches, by configuration and then by number."""
    folder = pathlib.Path(folder)
    entries = list(itertools.chain(
        *(_text_entries(path) for path in sorted(folder.glob("[0-9]*.case"))),
        *(_story_entries(path) for path in sorted(folder.glob("[0-9]*.py")))))
    wanted = f"*{pattern}*"
    chosen = [entry for entry in entries if fnmatch.fnmatch(entry.name, wanted) or fnmatch.fnmatch(entry.claim, wanted)]
    return sorted(chosen, key=lambda entry: (entry.wants_fresh_daemons, entry.config, entry.name))


def _text_entries(path):
    case = casefile.parse(path, path.read_text())
    for port in case.ports:
        suffix = "" if port == "25" else f" [{port}]"
        yield Entry(case.name + suffix, case.claim + suffix, path.with_name(f"{case.config}.yaml"),
                    lambda gate, port=port: Player(gate, case, port).play())


def _story_entries(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    story = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(story)

    def play(gate):
        gate.sink.clear()
        story.run(gate)
        gate.postfix.wait_until_idle()
        for daemon in gate.daemons.values():
            daemon.check_health()

    claim = story.__doc__.strip().splitlines()[0].rstrip(".")
    yield Entry(path.stem, claim, path.with_name(f"{story.CONFIG}.yaml"), play, wants_fresh_daemons=True)


def number_of(entry):
    return re.match(r"\d+", entry.name)[0]


class Suite:
    """Runs entries on a gate and tells the tally of each; what failed is told with the ends of the logs."""

    def __init__(self, gate, tally, verbose=False):
        self.gate, self.tally, self.verbose = gate, tally, verbose
        self.config_in_force = None

    def run(self, entries):
        in_a_row = 0
        for done, entry in enumerate(entries):
            if in_a_row == ENOUGH_FAILURES_IN_A_ROW:
                self._give_up(entries[done:])
                break
            began = time.monotonic()
            problem = self._play(entry)
            self._tell(entry, problem, time.monotonic() - began)
            in_a_row = in_a_row + 1 if problem else 0
        self._stop_daemons()

    def _give_up(self, entries):
        for entry in entries:
            self.tally.fails(f"{number_of(entry)} {entry.claim}",
                             f"not run: {ENOUGH_FAILURES_IN_A_ROW} cases failed in a row")

    def _play(self, entry):
        """None, or what went wrong. After a failure the next case starts from a clean gate."""
        self.gate.mark_logs()
        try:
            if self.config_in_force != entry.config or entry.wants_fresh_daemons:
                self.config_in_force = None
                self.gate.use_config(entry.config)
                self.config_in_force = entry.config
            with ends_within(DEADLINE_OF_A_CASE, "the case"):
                entry.play(self.gate)
            if entry.wants_fresh_daemons:
                self.config_in_force = None
                self.gate.stop_daemons()
            return None
        except Exception as problem:   # whatever it is, it fails this case and no other
            return self._describe(problem) + self._clean_up()

    def _describe(self, problem):
        text = str(problem) if isinstance(problem, (AssertionError, HarnessError)) else traceback.format_exc()
        complaints = [f"mailcore-{name}: {daemon.complaint()}" for name, daemon in self.gate.daemons.items()
                      if daemon.complaint()]
        return "\n".join([text or type(problem).__name__, *complaints, self.gate.report()])

    def _clean_up(self):
        """For the next case. What went wrong even in this is told with the failure, and does not hide it."""
        self.config_in_force = None
        try:
            self.gate.abandon_daemons()
            self.gate.postfix.delete_all()
            self.gate.sink.clear()
        except HarnessError as problem:
            return f"\nand cleaning up failed: {problem}"
        return ""

    def _stop_daemons(self):
        """The last configuration's daemons must end well too: that is where a leak would be told."""
        try:
            self.gate.stop_daemons()
        except AssertionError as problem:
            self._clean_up()
            self.tally.fails("the daemons end well on SIGTERM", str(problem))

    def _tell(self, entry, problem, seconds):
        detail = f"  ({entry.name})" if self.verbose else ""
        self.tally.tell(f"{number_of(entry)} {entry.claim}", problem, f"{detail}  {seconds:.2f}s")
