"""The decision log: one JSON object a line, written by both daemons (contract, "A decision line")."""

import json

from . import patterns

FIELDS = {"time", "daemon", "queue_id", "instance", "message_id", "tenant", "ticket", "client", "login", "sender",
          "recipients", "size", "action", "reason", "rule", "would", "forged_headers_removed", "micros"}
ACTIONS = {"pass", "reject", "defer", "hold"}


class DecisionLog:
    def __init__(self, path):
        self.path = path
        self.path.touch()

    def mark(self):
        """A place in the log: lines after it belong to what happens next."""
        return self.path.stat().st_size

    def since(self, mark):
        """Complete lines after the mark; a line still being written is left for later."""
        with open(self.path, "rb") as log:
            log.seek(mark)
            text = log.read()
        return [parse(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]

    def tail(self, lines=40):
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-lines:])


def parse(line):
    """A line that is no JSON object, lacks a field or names an unknown action is a failure by itself."""
    decision = json.loads(line)
    missing = FIELDS - decision.keys()
    if missing or decision["action"] not in ACTIONS:
        raise ValueError(f"no decision line (missing {sorted(missing)}): {line!r}")
    return decision


def matches(decision, expected):
    """Every expected field, as text with `*` for anything; fields not named do not matter."""
    return all(_matches_value(decision.get(name), pattern) for name, pattern in expected.items())


def _matches_value(value, pattern):
    text = value if isinstance(value, str) else json.dumps(value)
    return patterns.matches(text, pattern)
