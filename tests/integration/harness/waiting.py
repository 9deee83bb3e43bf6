"""Waiting for conditions. A noisy machine may be slow, so nothing here asserts on time: a deadline only ends a
wait that would otherwise last for ever, and is generous."""

import contextlib
import signal
import time

DEADLINE_SECONDS = 30.0
DEADLINE_OF_A_CASE = 240   # seconds; the longest takes some ten


class HarnessError(Exception):
    """The machinery itself failed (Postfix missing, a daemon that does not start): no verdict on a claim."""


class CaseFailure(AssertionError):
    """A case's claim did not hold."""


def wait_until(condition, what, seconds=DEADLINE_SECONDS, error=CaseFailure):
    """Return the first true value of condition(); after the deadline fail, saying what was waited for."""
    end = time.monotonic() + seconds
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise error(f"waited {seconds:.0f} s in vain for {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


@contextlib.contextmanager
def ends_within(seconds, what):
    """For whole cases: what hangs fails here, with its place, instead of taking the suite with it. Main thread only."""
    def give_up(*_):
        raise CaseFailure(f"{what} did not end within {seconds} s")
    former = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
