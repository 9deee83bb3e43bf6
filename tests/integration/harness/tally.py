"""Counts claims and says how each went, for the suites.

The failures are named once more at the end, so that the end of a long log suffices. A quiet tally leaves out what passed:
under ctest nobody watches, and what is printed is printed because something failed."""


class Tally:
    def __init__(self, say=print, quiet=False):
        self._say, self.is_quiet = say, quiet
        self.passed = 0
        self.failures = []     # (claim, the first lines that say why)

    @property
    def failed(self):
        return len(self.failures)

    def passes(self, claim, note=""):
        self.passed += 1
        if not self.is_quiet:
            self._say(f"ok   {claim}{note}")

    def fails(self, claim, problem, note=""):
        lines = problem.splitlines()
        self.failures.append((claim, lines[:2]))
        for line in (f"FAIL {claim}{note}", *_indented(lines)):
            self._say(line)

    def tell(self, claim, problem, note=""):
        """`problem` is None where the claim held."""
        if problem is None:
            self.passes(claim, note)
        else:
            self.fails(claim, problem, note)

    def finish(self):
        """True where nothing failed."""
        for claim, reasons in self.failures:
            for line in (f"failed: {claim}", *_indented(reasons)):
                self._say(line)
        self._say(f"{self.passed} passed, {self.failed} failed")
        return not self.failures


def _indented(lines):
    return [f"     {line}" for line in lines]


def add_options(parser):
    parser.add_argument("-q", "--quiet", action="store_true", help="name only what fails")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the files' names too")
