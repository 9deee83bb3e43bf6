"""The process leaves no core, keeps no secret in its own environment, and stops at once on SIGTERM"""

import pathlib
import time

from harness.claims import claim
from harness.waiting import wait_until
from stand import secrecy


def run(site):
    site.provide()
    site.sync.settings["vault"]["auth"] = {"method": "token"}
    environment = {"VAULT_TOKEN": site.vault.token()}
    with site.sync.watch(environment) as watch:
        wait_until(lambda: site.generation() == 1, lambda: f"the first generation\n{watch.tail()}")
        process = pathlib.Path(f"/proc/{watch.child.pid}")
        limits = next(line for line in (process / "limits").read_text().splitlines() if "core file size" in line)
        claim(limits.split()[4:6] == ["0", "0"], limits)
        leak = secrecy.first_leak((process / "environ").read_bytes())
        claim(leak is None, f"the watch's own environment still holds {leak}")
        began = time.monotonic()
    claim(time.monotonic() - began < 5, "the watch took its time to stop")
