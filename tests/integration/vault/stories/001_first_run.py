"""The first run makes a generation, switches to it and reloads Postfix once; the next run changes nothing"""

import stat

from harness.claims import claim, claim_equal


def run(site):
    password = site.provide()
    site.sync.once()
    site.claim_generation(1)
    site.claim_in_postfix(password)
    site.claim_reloads(1)
    claim_modes(site.relay_host.output)
    site.claim_mail_flows()
    site.sync.once("--detailed-exitcode")
    site.claim_generation(1)
    site.claim_reloads(1)
    site.provide()
    site.sync.once("--detailed-exitcode", expect=2)
    site.claim_generation(2)
    site.claim_reloads(2)
    site.claim_mail_flows()


def claim_modes(output):
    claim((output / "current").is_symlink(), "current is no symbolic link")
    generation = (output / "current").resolve()
    claim_equal(generation.parent.name, "generations", "where current leads to")
    names = {path.name for path in generation.iterdir()}
    for name in ("sasl_passwd", "transport", "tls_policy", "relayhost", "default_transport"):
        claim(name in names, f"{name} is missing in {sorted(names)}")
    for path in (generation, output / "state", *generation.iterdir(), *(output / "state").iterdir()):
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        claim_equal((status.st_uid, mode), (0, 0o700 if path.is_dir() else 0o600), f"owner and mode of {path.name}")
