"""The process leaves no core, keeps no secret in its own environment, and stops at once on SIGTERM"""

import pathlib
import resource
import signal

from harness.claims import claim, claim_equal
from harness.waiting import wait_until
from stand import secrecy


def parts(site):
    yield "its environment and its end", environment_and_end
    yield "a signal that dumps core", dumps_no_core


def watch_with_token(site):
    site.provide()
    site.sync.settings["watch"]["interval"] = "1h"      # one that waited for its next pass would not end in time
    site.sync.settings["vault"]["auth"] = {"method": "token"}
    return site.sync.watch({"VAULT_TOKEN": site.vault.token()})


def environment_and_end(site):
    with watch_with_token(site) as watch:
        wait_until(lambda: site.generation() == 1, lambda: f"the first generation\n{watch.tail()}")
        leak = secrecy.first_leak(pathlib.Path(f"/proc/{watch.child.pid}/environ").read_bytes())
        claim(leak is None, f"the watch's own environment still holds {leak}")


def dumps_no_core(site):
    """Where the limit that it inherits would let it."""
    inherited = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (inherited[1], inherited[1]))
    before = set(pathlib.Path.cwd().glob("core*"))
    watch = watch_with_token(site)
    try:
        watch.__enter__()
        limits = pathlib.Path(f"/proc/{watch.child.pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if "core file size" in line)
        claim_equal(line.split()[4:6], ["0", "0"], "limits of a core's size")
        watch.child.send_signal(signal.SIGQUIT)
        claim_equal(watch.child.wait(20), -signal.SIGQUIT, "how the watch ended")
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, inherited)
        watch.abandon()
    claim_equal(set(pathlib.Path.cwd().glob("core*")) - before, set(), "cores")
