"""Killed at any moment, with rollbacks and switches among the runs, the maps are always whole"""

import random
import signal
import subprocess
import time

from harness.claims import claim
from stand.sync import ENVIRONMENT

ROUNDS = 12


def run(site):
    site.provide()
    site.provide("second", name="other")
    site.sync.settings["relays"]["other"] = site.relay("other")
    began = time.monotonic()
    site.sync.once()
    duration = time.monotonic() - began
    chance = random.Random(4)
    for number in range(ROUNDS):
        site.provide()
        command = [("once",), ("use", "other"), ("once",), ("use", "primary"), ("rollback",), ("once", "--force")][number % 6]
        child = subprocess.Popen(site.sync.command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True)
        time.sleep(chance.uniform(0.1, 1.1) * duration)
        child.send_signal(signal.SIGKILL)
        child.wait()
        claim(site.login_in_postfix(), "Postfix holds no login")
        claim(site.relay_host.lookup("smtp_tls_policy_maps", site.nexthop()), "Postfix holds no TLS policy")
    site.sync.run("use", "primary")
    site.sync.once("--force")
    site.claim_mail_flows()
