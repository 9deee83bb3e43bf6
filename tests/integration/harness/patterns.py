"""Patterns in cases: `*` stands for anything, every other character for itself."""

import re


def matches(text, pattern):
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
