"""Secrets that cannot be mistaken for anything else, and the shapes in which one could leak.

Whatever a story puts into Vault, a server or the environment is made here (or told to `remember`), so that the search
at the end of a run (secrecy.py) knows what to look for: the text itself, and inside any base64, AUTH PLAIN included."""

import base64
import secrets as random_texts

PREFIX = f"sekret{random_texts.token_hex(2)}-"      # of this run: another beside it is none of our business

_needles = {}       # replaced as a whole, never changed: the lookout's thread reads it while stories remember


def new(what=""):
    """A new secret; `what` makes it readable in a failure: sekret3f9a-mail-1f6c…"""
    return f"{PREFIX}{what + '-' if what else ''}{random_texts.token_hex(12)}"


def remember(text):
    """A secret that somebody else made: a token, a secret id, a derived password."""
    if len(text) >= 8:
        _look_for(text, "a remembered secret")
    return text


def needles():
    """{bytes to look for: what it is}."""
    return _needles


def _look_for(text, what):
    global _needles
    _needles = _needles | {text.encode(): what} | {form: f"{what} in base64" for form in base64_forms(text)}


def base64_forms(text):
    """How it looks in base64 at each of the three places where it may begin; what neighbours change is left out."""
    forms = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode())
        first = -(-before * 8 // 6)                     # characters that hold bits of what stands before
        last = (before + len(text)) * 8 // 6            # whole characters only
        forms.append(encoded[first:last])
    return forms


_look_for(PREFIX, "a secret")
