"""Waiting for conditions. A noisy machine may be slow, so nothing here asserts on time: a deadline only ends a
wait that would otherwise last for ever, and is generous."""

import time

DEADLINE_SECONDS = 30.0


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
