"""Passwords of every other kind reach Postfix unchanged"""

from stand import secrets


def parts(site):
    for words, tail in {"signs": r"""#\"'$`%!:{}[]()<>,;=*?&|~^""", "inner blanks": " a  b", "a hash first": None,
                        "umlauts": "äöü€", "long": "x" * 120, "ends in a backslash": "\\"}.items():
        yield words, lambda site, tail=tail: carried(site, tail)


def carried(site, tail):
    password = "#" + secrets.new("mail") if tail is None else secrets.new("mail") + tail
    site.provide(password=password)
    site.sync.once()
    site.claim_in_postfix(password)
    site.claim_mail_flows()
