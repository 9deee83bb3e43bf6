"""Header fields of a raw message, read as strictly as a receiver may: names compared without case by the caller,
blanks before the colon dropped, folded lines joined."""

import re


def header_block(raw):
    """The bytes before the first empty line."""
    return re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]


def header_fields(raw):
    """[(name, value)] with folds undone; bytes above ASCII come out as latin-1, so nothing is lost."""
    unfolded = re.sub(rb"\r?\n(?=[ \t])", b"", header_block(raw)).decode("latin-1")
    fields = [line.partition(":") for line in re.split(r"\r?\n", unfolded)]
    return [(name.rstrip(" \t"), value.strip(" \t")) for name, colon, value in fields if colon]
