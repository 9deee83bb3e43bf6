"""What happened since a case began, seen from every side, and the claims that hold for every case:

- each delivered message carries a whole valid stamp or none, as an independent computation finds it;
- each daemon's counters moved exactly as its decision lines say;
- no message is delivered that the case did not expect, and none stays in a queue;
- the daemons live and no sanitizer has complained."""

import collections
import re

from . import casefile, decisions, metrics, patterns, stamp
from .waiting import CaseFailure, wait_until

SETTLE_SECONDS = 10   # for a log line or a counter that follows a reply already given


class Happenings:
    def __init__(self, gate):
        self.gate = gate
        gate.sink.clear()
        self.mark = gate.decisions.mark()
        self.before = {name: daemon.metrics() for name, daemon in gate.daemons.items()}

    def lines(self, daemon=None):
        return [line for line in self.gate.decisions.since(self.mark) if daemon in (None, line["daemon"])]

    def moved(self, daemon, name, labels=frozenset()):
        """By how much a counter moved; without a daemon, of both together."""
        names = [daemon] if daemon else list(self.gate.daemons)
        return sum(metrics.total(self.gate.daemons[each].metrics(), name, labels)
                   - metrics.total(self.before[each], name, labels) for each in names)

    def check_log(self, daemon, expected):
        def found():
            return any(decisions.matches(line, expected) for line in self.lines(daemon))
        wait_until(found, lambda: f"a decision line {daemon or ''} {expected}; there are:\n{self._show(daemon)}",
                   SETTLE_SECONDS)

    def check_no_log(self, daemon, expected):
        found = [line for line in self.lines(daemon) if decisions.matches(line, expected)]
        if found:
            raise CaseFailure(f"unexpected decision line {found[0]}")

    def _show(self, daemon):
        return "\n".join(f"       {line}" for line in self.lines(daemon)) or "       none"

    def check_metric(self, daemon, name, labels, expected):
        wait_until(lambda: self.moved(daemon, name, labels) == expected,
                   lambda: f"{daemon or 'both'} {name} {dict(labels)} to move by {expected}; it moved by "
                           f"{self.moved(daemon, name, labels):g}", SETTLE_SECONDS)

    def the_delivery_to(self, recipient):
        """Exactly one message of this case went to this recipient."""
        found = self.gate.sink.to(recipient)
        if len(found) != 1:
            arrived = [(message.sender, message.recipients) for message in self.gate.sink.all()]
            raise CaseFailure(f"{len(found)} messages were delivered to {recipient}; in all: {arrived}")
        found[0].claimed = True
        return found[0]

    def check_nothing_delivered(self):
        for message in self.gate.sink.all():
            raise CaseFailure(f"delivered from <{message.sender}> to {message.recipients}:\n{_text(message.raw)}")

    def check_delivery_is_stamped(self):
        """Whatever was delivered carries a stamp, and it is valid."""
        for message in self.gate.sink.all():
            problem = stamp.problem(message) or (None if message.values(stamp.SIGNATURE) else "unstamped")
            if problem:
                raise CaseFailure(f"delivered to {message.recipients}: {problem}\n{_text(message.raw)}")

    def check_held(self, count):
        held = self.gate.postfix.held_messages()
        self.gate.postfix.delete_all()
        if len(held) != count:
            raise CaseFailure(f"{len(held)} messages are held, not {count}")

    def check_universal_claims(self):
        for message in self.gate.sink.all():
            if not message.claimed:
                raise CaseFailure(f"nobody expected the delivery to {message.recipients}:\n{_text(message.raw)}")
            problem = stamp.problem(message) if message.signed else None
            if problem:
                raise CaseFailure(f"delivered to {message.recipients}: {problem}\n{_text(message.raw)}")
        if held := self.gate.postfix.held_messages():
            raise CaseFailure(f"nobody expected held messages: {held}")
        self.check_counters_agree()
        for daemon in self.gate.daemons.values():
            daemon.check_health()

    def check_counters_agree(self):
        """One function writes line and counter, so they agree: by action and reason, headers removed, and limit."""
        for daemon in self.gate.daemons:
            wait_until(lambda: self._logged(daemon) == self._counted(daemon),
                       lambda: f"{daemon}'s counters {dict(self._counted(daemon))} to agree with its decision lines "
                               f"{dict(self._logged(daemon))}", SETTLE_SECONDS)

    def _logged(self, daemon):
        counts = collections.Counter()
        for line in self.lines(daemon):
            counts[line["action"], line["reason"]] += 1
            counts["forged"] += line["forged_headers_removed"]
            if line.get("limit"):
                counts["limit", line["tenant"], line["limit"]] += 1
        return +counts

    def _counted(self, daemon):
        counts = collections.Counter()
        now, before = self.gate.daemons[daemon].metrics(), self.before[daemon]
        for (name, labels), value in now.items():
            pairs, moved = dict(labels), int(value - before.get((name, labels), 0))
            if name == "mailcore_decisions_total":
                counts[pairs["action"], pairs["reason"]] += moved
            elif name == "mailcore_limit_refused_total":
                counts["limit", pairs["tenant"], pairs["limit"]] += moved
        counts["forged"] += int(self.moved(daemon, "mailcore_forged_headers_removed_total"))
        return +counts


COUNT_LINE = re.compile(r"(no|\d+) (\S+)$")


def check_delivered(message, block):
    """The |-lines below DELIVERED."""
    for line in block:
        if problem := _problem_with(message, line):
            raise CaseFailure(f"{problem}; the message:\n{_text(message.raw)}")


def _problem_with(message, line):
    if found := COUNT_LINE.match(line):
        wanted, values = 0 if found[1] == "no" else int(found[1]), message.values(found[2])
        return None if len(values) == wanted else f"{len(values)} headers {found[2]}, not {wanted}"
    if line == "unsigned":
        message.signed = False
        return None
    if line in ("stamped", "unstamped"):
        stamped = bool(message.values(stamp.SIGNATURE))
        return None if stamped == (line == "stamped") else f"the message is not {line}"
    if line.startswith("sender "):
        return None if f"<{message.sender}>" == line[7:] else f"the sender is <{message.sender}>"
    if line.startswith("body "):
        return None if casefile.unescape(line[5:]) in message.body else f"the body lacks {line[5:]!r}"
    return _problem_with_header(message, line)


def _problem_with_header(message, line):
    name, _, pattern = line.partition(":")
    values = message.values(name)
    if len(values) != 1:
        return f"{len(values)} headers {name}, not 1"
    return None if patterns.matches(values[0], pattern.strip()) else f"{name} is {values[0]!r}, not {pattern.strip()!r}"


def _text(raw):
    return "\n".join("       " + line for line in raw.decode("latin-1").splitlines()[:40])
