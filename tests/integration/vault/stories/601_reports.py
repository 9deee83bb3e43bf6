"""status, generations and diff tell what is, in tables and JSON, and no secret"""

from harness.claims import claim, claim_equal
from stand import secrets


def run(site):
    site.provide()
    site.sync.once()
    site.sync.run("diff").does_not_say("app:")
    site.provide()
    outcome = site.sync.run("diff")
    outcome.says("primary", "localhost", "app")
    claim(isinstance(site.sync.run("diff", "--json").json(), (dict, list)), "diff --json")
    site.claim_generation(1)
    site.sync.once()
    status = site.sync.status()
    for key, value in {"generation": 2, "active": "primary", "source": "vault"}.items():
        claim_equal(status.get(key), value, f"status's {key}")
    claim("held" in status and not status["held"], "status's held")
    relay = relay_of(status)
    claim_equal((relay["host"], relay["port"], relay["user"]), ("localhost", site.upstream.port("primary"), "app"),
                "the relay that status tells")
    claim(any("age" in key and relay[key] in (0, 0.0) or "age" in key and relay[key] < 1 for key in relay),
          f"no age in days in {relay}")
    site.sync.run("status").says("primary", "localhost")
    generations = site.sync.run("generations", "--json").json()
    claim_equal(len(generations), 2, "generations listed")
    site.sync.run("generations").says("1", "2")
    for _ in range(5):
        site.provide()
        site.sync.once()
    claim_equal(len(site.sync.run("generations", "--json").json()), 5, "generations kept")
    site.put(secrets.new("wrong"))
    site.sync.once(expect=11)
    site.sync.run("status", expect=None).says("primary", "535|refused")


def relay_of(status):
    relays = status["relays"]
    return relays["primary"] if isinstance(relays, dict) else next(each for each in relays if each["name"] == "primary")
