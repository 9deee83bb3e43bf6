"""Several runs at once make one generation and one reload"""

import subprocess

from harness.claims import claim_equal
from stand.sync import ENVIRONMENT


def run(site):
    site.provide()
    site.sync.once()
    new = site.provide()
    runs = [subprocess.Popen(site.sync.command("once"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) for _ in range(3)]
    ended = [(child.communicate()[1], child.returncode) for child in runs]
    claim_equal([status for _, status in ended], [0, 0, 0], f"statuses of three runs at once; they said {ended}")
    site.claim_in_postfix(new)
    site.claim_generation(2)
    site.claim_reloads(2)
    site.claim_mail_flows()
