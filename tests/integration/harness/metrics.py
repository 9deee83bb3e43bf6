"""Counters as Prometheus reads them, and how they moved."""

import re
import urllib.request

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """Text format 0.0.4 to {(name, frozenset of label pairs): value}. What is neither sample nor comment fails."""
    samples = {}
    for line in filter(None, text.splitlines()):
        if line.startswith("#"):
            continue
        found = SAMPLE.match(line)
        if not found:
            raise ValueError(f"no Prometheus sample: {line!r}")
        name, labels, value = found.groups()
        samples[name, parse_labels(labels or "")] = float(value)
    return samples


def parse_labels(text):
    return frozenset((name, re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), value))
                     for name, value in LABEL.findall(text))


def read(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        return parse(response.read().decode())


def total(samples, name, labels=frozenset()):
    """Sum of the series of this name which carry at least these labels."""
    return sum(value for (found, pairs), value in samples.items() if found == name and labels <= pairs)


def parse_selector(text):
    """`name{a="b"}` to (name, labels)."""
    found = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?", text)
    if not found:
        raise ValueError(f"no metric selector: {text!r}")
    return found[1], parse_labels(found[2] or "")
