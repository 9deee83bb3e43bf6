"""Children that cannot outlive us: stopped by whoever started them, and by the guardian when we are killed."""

import os
import signal
import subprocess
import sys

from .guardian import Guardian

guardian = Guardian()


def start_child(command, *, stdout, stderr, environment=None):
    """Start a child in a session of its own, so that a Ctrl-C at our terminal reaches only us."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment,
                             start_new_session=True)
    guardian.tell("watch", child.pid)
    return child


def stop_child(child, seconds=20):
    """SIGTERM, then SIGKILL for what does not listen; then whatever it left behind in its session. The exit status as
    subprocess gives it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _end_session(child)
    return child.returncode


def kill_child(child):
    """SIGKILL at once, as a crash or the kernel's memory killer would."""
    child.kill()
    child.wait()
    _end_session(child)


def _end_session(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass   # nothing was left
    guardian.tell("forget", child.pid)


def end_in_order_on_signals():
    """SIGTERM and SIGINT unwind the stack, so that every `with` cleans up. A shell may have had SIGINT and SIGQUIT
    ignored for what runs in its background, and children inherit that."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
