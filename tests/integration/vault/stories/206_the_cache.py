"""The cache serves only as this host wrote it, with its own key, and while it is young enough"""

import time

from harness.claims import claim, claim_equal


def parts(site):
    yield "no secret in it", holds_no_secret
    yield "one bit changed", lambda site: refused(site, flip, "cache")
    yield "cut short", lambda site: refused(site, lambda data: data[:-7], "cache")
    yield "empty", lambda site: refused(site, lambda data: b"", "cache")
    yield "written with another key", another_key
    yield "of another Vault", another_vault
    yield "too old", too_old
    yield "a key of a wrong length", wrong_key_length


def filled(site):
    site.provide()
    site.sync.once()
    site.vault.seal()
    site.relay_host.forget_everything()


def holds_no_secret(site):
    filled(site)
    data = site.sync.cache_file.read_bytes()
    claim(b"password" not in data and b"sekret" not in data, "the cache can be read")
    claim_equal(site.sync.cache_file.stat().st_mode & 0o777, 0o600, "the cache's mode")


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]


def refused(site, change, words):
    filled(site)
    site.sync.cache_file.write_bytes(change(site.sync.cache_file.read_bytes()))
    site.sync.once(expect=1).says(words)
    claim_equal(site.generation(), None, "the current generation")
    site.vault.unseal()
    if "remove it" in site.sync.once().text:     # nothing that we did not write is overwritten: the operator is told
        site.sync.cache_file.unlink()
        site.sync.once()
    site.vault.seal()
    site.sync.once(expect=10)


def another_key(site):
    filled(site)
    site.sync.give_cache_key()
    site.sync.once(expect=1).says("cache")


def another_vault(site):
    """What one Vault's cache holds is not served in another's name."""
    filled(site)
    site.sync.settings["vault"]["address"] = f"https://localhost:{site.vault.port}"
    site.sync.once(expect=1).says("cache")


def too_old(site):
    filled(site)
    site.sync.settings["cache"]["max_age"] = "1s"
    time.sleep(1.2)
    site.sync.once(expect=1).says("old|age")


def wrong_key_length(site):
    site.provide()
    site.sync.give("cache.key", "c2hvcnQ=\n")
    site.sync.once().says("cache.key", "32")         # Vault serves; what is broken is told
    claim(not site.sync.cache_file.exists(), "a cache was written without a key")
