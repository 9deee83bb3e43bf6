"""A watch serves its metrics: last success, age, source, verification, token seconds left"""

from harness.claims import claim
from harness.waiting import wait_until


def run(site):
    site.provide()
    with site.sync.watch() as watch:
        wait_until(lambda: site.generation() == 1, "the first generation")
        names = wait_until(lambda: all_there(watch.metrics()), lambda: f"the metrics; there are {sorted(names_of(watch))}")
        claim(all(name.startswith("mailcore_") for name in names), f"names without mailcore_: {sorted(names)}")
        site.vault.seal()
        wait_until(lambda: any("source" in name and dict(labels).get("source") == "cache" and value
                               for (name, labels), value in watch.metrics().items()), "the source cache in the metrics")


def all_there(samples):
    names = {name for name, _ in samples if name.startswith("mailcore_")}
    wanted = ("success", "age", "source", "verif", "token")
    return names if all(any(word in name for name in names) for word in wanted) else None


def names_of(watch):
    return {name for name, _ in watch.metrics()}
