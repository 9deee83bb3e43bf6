"""Killed or failing at any step, either the old or the new generation is whole, and the next run heals

The steps are the program's fault points, read from its sources, so that a new one is met without a word here."""

import pathlib
import re

from harness.claims import claim, claim_equal
from stand import secrets

SOURCES = pathlib.Path(__file__).resolve().parents[4]
REACHED = set()


def fault_points():
    names = set()
    for folder in ("vault-sync", "core"):
        for path in (SOURCES / folder).rglob("*.cpp"):
            names |= set(re.findall(r'fault_point\("([^"]+)"\)', path.read_text()))
    return sorted(names)


def parts(site):
    for name in fault_points():
        yield f"killed at {name}", lambda site, name=name: struck(site, name, None)
    for name in fault_points():
        yield f"no space at {name}", lambda site, name=name: struck(site, name, "ENOSPC")
    yield "the steps above are passed by a run", lambda site: claim(
        len(REACHED) >= 2 * len(fault_points()) // 3, f"a run passes only {sorted(REACHED)} of {fault_points()}")


def struck(site, name, error):
    old = site.provide()
    site.sync.once()
    new = secrets.new("mail")
    site.provide(password=new)
    outcome = site.sync.once(expect=None, fault=f"{name}:{error}" if error else name)
    if error is None:
        claim(outcome.status in (-9, 0), outcome)
    if outcome.status != 0:
        REACHED.add(name)
    claim_whole(site, old, new)
    site.sync.once()
    site.claim_in_postfix(new)
    claim_no_leftovers(site)
    if error is None:
        site.claim_mail_flows()
        site.sync.once("--detailed-exitcode")


def claim_whole(site, old, new):
    """Every map of the current generation answers, and all of one generation."""
    held = site.login_in_postfix()
    claim(held in (f"app:{old}", f"app:{new}"), "Postfix holds neither the old nor the new login")
    claim_equal(site.relay_host.lookup("sender_dependent_relayhost_maps", "a@b.test"), site.nexthop(), "relay of any sender")
    claim((site.relay_host.lookup("smtp_tls_policy_maps", site.nexthop()) or "").startswith("secure"), "no TLS policy")


def claim_no_leftovers(site):
    generations = [path.name for path in (site.relay_host.output / "generations").iterdir()]
    claim(all(re.fullmatch(r"\d{4}", name) for name in generations), f"leftovers of the killed run: {generations}")
    names = {path.name for path in site.relay_host.output.iterdir()}
    claim_equal(names - {"generations", "current", "state"}, set(), "leftovers beside the generations")
