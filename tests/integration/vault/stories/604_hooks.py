"""Hooks are told the facts on standard input, with a clean environment and no secret; one that hangs is ended"""

import json

from harness.claims import claim
from stand import secrets


def parts(site):
    yield "on_change and on_failure", told
    yield "a hook that hangs", hangs
    yield "a hook that fails", fails


def hook(site, name, extra=""):
    """A program that writes down all it is given."""
    told = site.sync.folder / f"{name}.txt"
    script = site.sync.give(f"{name}.sh", f"#!/bin/sh\ncat >{told}.in\nenv >{told}.env\ntr '\\0' ' ' </proc/self/cmdline"
                                          f" >{told}.argv\n{extra}\n")
    return ["/bin/sh", script], told


def told(site):
    on_change, changed = hook(site, "change")
    on_failure, failed = hook(site, "failure")
    site.sync.settings["hooks"] = {"on_change": on_change, "on_failure": on_failure}
    site.provide()
    site.sync.once(environment={"VAULT_NAMESPACE": ""})
    facts = json.loads((changed.parent / "change.txt.in").read_text())
    claim("primary" in str(facts), f"on_change was told {facts}")
    claim("VAULT" not in (changed.parent / "change.txt.env").read_text(), "a hook has our environment")
    claim(not (failed.parent / "failure.txt.in").exists(), "on_failure was told of a success")
    site.put(secrets.new("wrong"))
    site.sync.once(expect=11)
    facts = json.loads((failed.parent / "failure.txt.in").read_text())
    claim("primary" in str(facts), f"on_failure was told {facts}")


def hangs(site):
    site.sync.settings["hooks"] = {"on_change": ["/bin/sleep", "600"], "timeout": "1s"}   # longer than once() is waited for
    site.provide()
    site.sync.once(expect=(0, 1)).says("hook|on_change")
    site.claim_mail_flows()


def fails(site):
    site.sync.settings["hooks"] = {"on_change": ["/bin/false"]}
    site.provide()
    site.sync.once(expect=(0, 1)).says("hook|on_change")
    site.claim_mail_flows()
