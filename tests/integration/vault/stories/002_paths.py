"""KV 1 and 2 are found out, and paths may be long or short"""

SHAPES = {"KV 2, short": ("secret", ""), "KV 2, with data/": ("secret", "data/"), "KV 1": ("kv1", ""),
          "a mount with a slash": ("team/kv", ""), "a mount with a slash, with data/": ("team/kv", "data/")}


def parts(site):
    for words, (mount, infix) in SHAPES.items():
        yield words, lambda site, mount=mount, infix=infix: read_from(site, mount, infix)


def read_from(site, mount, infix):
    password = site.provide()
    site.vault.put(f"{mount}/{site.story}/mail", site.fields(password=password))
    site.sync.settings["relays"]["primary"]["secret"] = f"{mount}/{infix}{site.story}/mail"
    site.vault.forget(site.path())
    site.sync.run("verify", "primary")
    assert site.logins().attempts_of(password=password)
