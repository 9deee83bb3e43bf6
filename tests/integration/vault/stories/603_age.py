"""A secret older than its rotation is overdue: status and --detailed-exitcode end with 13, and on_overdue is told"""

import datetime
import time

from harness.claims import claim


def parts(site):
    yield "by custom_metadata", by_metadata
    yield "by its first sight", by_first_sight


def by_metadata(site):
    site.provide()
    long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=200)
    site.vault.annotate(site.path(), {"rotated_at": long_ago.strftime("%Y-%m-%dT%H:%M:%SZ")})
    site.sync.once().says("primary", "200|overdue|days")
    site.sync.once("--detailed-exitcode", expect=13)
    site.sync.run("status", expect=13).says("overdue|200")
    site.vault.annotate(site.path(), {"rotated_at": long_ago.strftime("%Y-%m-%dT%H:%M:%SZ"), "rotation_days": "365"})
    site.sync.once("--detailed-exitcode")
    site.sync.run("status")


def by_first_sight(site):
    seen = site.sync.folder / "overdue.txt"
    hook = site.sync.give("hook.sh", f"#!/bin/sh\ncat >>{seen}\nenv >>{seen}\n")
    site.sync.settings["rotation"] = {"smtp": "1s", "warn_before": "0"}
    site.sync.settings["hooks"] = {"on_overdue": ["/bin/sh", hook]}
    site.provide()
    site.sync.once()
    time.sleep(1.1)
    site.sync.run("status", expect=13)
    site.sync.once()
    claim(seen.exists() and "primary" in seen.read_text(), "on_overdue was not told")
