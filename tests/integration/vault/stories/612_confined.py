"""With the capabilities of the unit alone, and no way to gain more, a pass switches, reloads Postfix and flushes its queue"""

import ctypes
import pathlib
import re

from harness.claims import claim_equal
from stand import secrets

UNIT = pathlib.Path(__file__).resolve().parents[4] / "systemd" / "vault-sync.service"
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_IPC_LOCK": 14}
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38


def allowed():
    """The unit's bounding set, as numbers: what it asks for is what is tried."""
    words = re.search(r"(?m)^CapabilityBoundingSet=(.*)$", UNIT.read_text()).group(1).split()
    return {CAPABILITIES[word] for word in words}


def confine(kept=frozenset(allowed())):
    """In the child, before vault-sync: root keeps these of its powers and its children cannot have others."""
    libc = ctypes.CDLL(None, use_errno=True)
    last = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        if capability not in kept and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot drop a capability")
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot forbid new privileges")


def run(site):
    claim_equal(len(allowed()), 3, "capabilities that the unit keeps")
    site.provide()
    site.sync.once(preexec=confine)
    site.claim_mail_flows()
    site.logins().set("app", secrets.new("elsewhere"))      # the provider takes another one from now on
    site.relay_host.send("waits@example.com")
    site.relay_host.wait_until_deferred("waits@example.com")
    site.provide()
    site.sync.once(preexec=confine)
    site.sink.wait_for("waits@example.com")                 # by the flush
    site.claim_reloads(2)
