"""Where postmap fails nothing is switched, and the next run heals"""

import resource
import subprocess


def parts(site):
    yield "its file may not grow", too_large
    yield "the map type is not there, or not the one that main.cf names", other_type


def too_large(site):
    """A hash table of Berkeley DB is larger than what the process may write; our own files are not."""
    old = site.provide()
    site.sync.once()
    new = site.provide()
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))   # noqa: E731
    site.sync.once(expect=1, preexec=limit).says("postmap")
    site.claim_generation(1)
    site.claim_in_postfix(old)
    site.sync.once()
    site.claim_in_postfix(new)


def other_type(site):
    old = site.provide()
    site.sync.once()
    site.provide()
    here = subprocess.run(["postconf", "-m"], capture_output=True, text=True, check=True).stdout.split()
    for kind in ("cdb", "lmdb"):             # the fragment's main.cf says hash
        site.sync.settings["output"]["map_type"] = kind
        site.sync.once(expect=(1, 78)).says(kind, "main.cf|hash:" if kind in here else f"postfix-{kind}")
        site.claim_generation(1)
    site.claim_in_postfix(old)
