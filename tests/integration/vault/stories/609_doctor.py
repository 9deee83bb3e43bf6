"""doctor finds a wired relay host in order, and names what is not, with the cure"""

from harness.claims import claim


def run(site):
    site.provide()
    site.sync.once()
    outcome = site.sync.run("doctor", expect=(0, 1, 13))
    outcome.does_not_say("smtp_sasl_password_maps.*fail")
    items = site.sync.run("doctor", "--json", expect=(0, 1, 13)).json()
    claim(isinstance(items, list) and items, "doctor --json is no list")
    before = failures(items)
    try:
        site.relay_host.write_configuration(smtp_sasl_auth_enable="no", debug_peer_list="127.0.0.1")
        worse = failures(site.sync.run("doctor", "--json", expect=(1, 13)).json())
        claim(len(worse) > len(before), f"doctor does not see that authentication is off: {worse}")
        site.sync.run("doctor", expect=(1, 13)).says("smtp_sasl_auth_enable", "debug_peer_list")
    finally:
        site.relay_host.write_configuration()


def failures(items):
    return [item for item in items if "fail" in str(item.get("result", item.get("status", item))).lower()]
