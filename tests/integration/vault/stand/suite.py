"""Finds the stories, runs them on one site and says how each went.

A story (stories/NNN_name.py) claims what its docstring's first line says and proves it in `run(site)`. One that
proves the same claim of many things has `parts(site)`, which gives (claim, function) pairs; each counts."""

import dataclasses
import fnmatch
import importlib.util
import pathlib
import time
import traceback
import typing

from harness.waiting import DEADLINE_OF_A_CASE, CaseFailure, HarnessError, ends_within

from . import secrecy


@dataclasses.dataclass
class Story:
    name: str
    claim: str
    module: typing.Any

    @property
    def needs_vault(self):
        return getattr(self.module, "NEEDS_VAULT", True)


def find_stories(folder, pattern="*"):
    stories = []
    for path in sorted(pathlib.Path(folder).glob("[0-9]*.py")):
        specification = importlib.util.spec_from_file_location(f"story_{path.stem}", path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        stories.append(Story(path.stem, module.__doc__.strip().splitlines()[0].rstrip("."), module))
    wanted = f"*{pattern}*"
    return [story for story in stories if fnmatch.fnmatch(story.name, wanted) or fnmatch.fnmatch(story.claim, wanted)]


class Suite:
    def __init__(self, site, tally, verbose=False):
        self.site, self.tally, self.verbose = site, tally, verbose
        self.begun = 0

    def run(self, stories):
        for story in stories:
            for claim, play in self._parts(story):
                self._run_part(story, claim, play)

    def _parts(self, story):
        """A story without parts is its own only one. Each part begins on a site as good as new."""
        if not hasattr(story.module, "parts"):
            return [(story.claim, story.module.run)]
        return [(f"{story.claim}: {claim}", play) for claim, play in story.module.parts(self.site)]

    def _run_part(self, story, claim, play):
        began = time.monotonic()
        problem = self._play(story, play)
        self._tell(story, claim, problem, time.monotonic() - began)

    def _play(self, story, play):
        """None, or what went wrong. A part that failed leaves nothing to the next."""
        try:
            self.begun += 1
            with ends_within(DEADLINE_OF_A_CASE, "the story"):
                self.site.begin_story(f"{story.name}-{self.begun}")
                play(self.site)
            return None
        except Exception as problem:   # whatever it is, it fails this story and no other
            text = str(problem) if isinstance(problem, (AssertionError, CaseFailure, HarnessError)) else ""
            place = traceback.extract_tb(problem.__traceback__)
            lines = [f"{pathlib.Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in place
                     if "/stories/" in frame.filename]
            return "\n".join([*lines, text or traceback.format_exc(), self.site.report()])
        finally:
            self.site.end_story()

    def judge_secrecy(self, lookout):
        """The claims about the whole run."""
        leaks = secrecy.search(self.site.folder)
        self._judge("no file holds a secret but the maps themselves", leaks)
        self._judge(f"no process had a secret in its argv or environment ({lookout.looks} looks)",
                    list(lookout.leaks.values()))
        self._judge("nothing dumped core", secrecy.core_files(self.site.folder))

    def _judge(self, claim, problems):
        self.tally.tell(f"990 {claim}", "\n".join(problems[:20]) if problems else None)

    def _tell(self, story, claim, problem, seconds):
        detail = f"  ({story.name})" if self.verbose else ""
        self.tally.tell(f"{story.name[:3]} {claim}", problem, f"{detail}  {seconds:.2f}s")
