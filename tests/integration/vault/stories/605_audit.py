"""Each read of a secret is one line of the audit log: time, who, path, version, purpose, result"""

from harness.claims import claim


def run(site):
    site.provide()
    site.sync.once()
    site.sync.run("verify")
    site.sync.settings["relays"]["primary"]["secret"] = "secret/denied/x"
    site.sync.once(expect=1)
    site.vault.seal()
    site.sync.settings["relays"]["primary"]["secret"] = site.path()
    site.sync.once(expect=10)
    lines = site.sync.audit()
    reads = [line for line in lines if site.path() in str(line)]
    claim(len(reads) >= 3, f"reads in the audit log: {lines}")
    for name in ("time", "uid", "path", "version", "purpose", "result"):
        claim(name in reads[0], f"no {name} in {reads[0]}")
    claim(any("denied" in str(line).lower() for line in lines if "secret/denied/x" in str(line)), "the denial is not there")
    claim(len({str(line.get("purpose")) for line in lines}) >= 2, "once and verify have one purpose")
    claim(site.sync.audit_log.stat().st_mode & 0o077 == 0 or site.sync.audit_log.stat().st_mode & 0o007 == 0,
          "others can read the audit log")
