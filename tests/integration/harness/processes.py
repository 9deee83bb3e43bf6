"""Children that cannot outlive us: every process the harness starts dies with it, even when it is killed -9."""

import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """Runs in the child before exec. Without prctl (not Linux) the ordinary clean-up still stops the child."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):
        pass


def start_child(command, *, stdout, stderr, environment=None, directory=None):
    """Start a child in a session of its own, so that a Ctrl-C at our terminal reaches only us."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment,
                            cwd=directory, start_new_session=True, preexec_fn=_die_with_parent)


def stop_child(child, seconds=20):
    """SIGTERM, then SIGKILL for what does not listen. Returns the exit status as subprocess gives it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return child.returncode


def kill_session(session_leader):
    """End what a child of ours left behind in the session that it led; quiet when there is nothing."""
    try:
        os.killpg(session_leader, signal.SIGKILL)
    except ProcessLookupError:
        pass
