"""What cannot work is refused by --check, with every mistake named in one run"""

from harness.claims import claim


def run(site):
    site.provide()
    site.sync.run("--check")
    settings = site.sync.settings
    other = dict(host="localhost", port=2525)
    settings["relays"] |= {"left": site.relay("left", **other), "right": site.relay("right", **other)}
    settings["routes"] = {"@x.test": "nosuch"}
    settings["fallback"] = ["neither"]
    settings["unknown_key"] = 1
    outcome = site.sync.run("--check", expect=78)
    outcome.says("nosuch", "neither", "unknown_key", "left", "right", "2587")
    claim(outcome.stderr and not outcome.stdout, "--check does not print on standard error alone")
    site.sync.once(expect=78)
    site.sync.run("nonsense", expect=64)
    site.sync.run("once", "--nonsense", expect=64)
    claim(site.generation() is None, "a bad configuration was applied")
