"""Senders who run into limits, and what mailcorectl says of how much they have used."""

import itertools
import json

from . import casefile
from .claims import claim, claim_equal

_unique = itertools.count(1)

MOST_TRIES = 400   # no story's limit is above this


class Application:
    """A tenant's application on one connection. Every recipient is a new one, so that each delivery can be told.

        with Application(gate, sender="a@bursty.example", client="10.1.1.1") as application:
            application.passes(5)
            application.is_refused("450 4.7.1 *")
    """

    def __init__(self, gate, sender="a@keybuzz.io", client="10.0.0.250", login=None, service="25"):
        self.gate, self.sender = gate, sender
        self.evidence = {"client": client, "login": login, "service": service}
        self.connection = None
        self.delivered = []        # recipients of what was accepted

    def __enter__(self):
        self.connection = self.gate.connect(**self.evidence)
        return self

    def __exit__(self, *_):
        if self.connection is not None:
            self.connection.quit()
            self.connection = None

    def send(self, recipients=1, *, size=0, headers=(), parameters=""):
        """One whole transaction; the reply that decided."""
        addresses = self.new_recipients(recipients)
        reply = self.connection.send_mail(self.sender, addresses, self.message(size, headers), parameters)
        if reply.is_success:
            self.delivered += addresses
        else:
            self.connection.command("RSET")
        return reply

    def new_recipients(self, count=1):
        return [f"buyer{next(_unique)}@example.com" for _ in range(count)]

    def message(self, size=0, headers=()):
        """An ordinary one, with a body of at least `size` bytes; `headers` may bring a From of their own."""
        names = {header.partition(":")[0].lower() for header in headers}
        own = [] if "from" in names else [f"From: {self.sender}"]
        message_id = f"Message-ID: <{next(_unique)}.limits@client.test>"
        return casefile.block_bytes([*own, message_id, *headers, "", "Hello.", *["x" * 70] * -(-size // 72)])

    def begin(self, recipients=1):
        """Up to the 354 of DATA; what comes then is up to `end`. The reply that decided."""
        addresses = self.new_recipients(recipients)
        commands = [f"MAIL FROM:<{self.sender}>", *(f"RCPT TO:<{address}>" for address in addresses), "DATA"]
        for command in commands:
            reply = self.connection.command(command)
            if not reply.is_success:
                break
        self.pending = addresses
        return reply

    def end(self, headers=()):
        self.connection.send(self.message(0, headers) + b".\r\n")
        reply = self.connection.read_reply()
        if reply.is_success:
            self.delivered += self.pending
        return reply

    def drop(self):
        """Leave without a word, and come again."""
        self.connection.close()
        self.connection = self.gate.connect(**self.evidence)

    # --- claims

    def passes(self, count, recipients=1, **options):
        for number in range(1, count + 1):
            reply = self.send(recipients, **options)
            claim(reply.is_success, f"message {number} of {count} within the limits was refused: {reply}")

    def is_answered(self, pattern, recipients=1, **options):
        reply = self.send(recipients, **options)
        claim(reply.matches(pattern), f"expected {pattern}\n     got      {reply}")

    is_refused = is_answered

    def passes_exactly(self, count):
        """So many at once, and not one more."""
        self.passes(count)
        self.is_refused("* (limit_exceeded)")

    def sends_until_refused(self):
        """(how many passed, the refusal)."""
        for passed in range(MOST_TRIES):
            reply = self.send()
            if not reply.is_success:
                return passed, reply
        claim(False, f"{MOST_TRIES} messages passed and none was refused")


def limits_of(gate, tenant=None):
    """What `mailcorectl limits --json` lists."""
    done = gate.ctl("limits", *([tenant] if tenant else []), "--json")
    claim_equal(done.returncode, 0, f"status of mailcorectl limits, which said {done.stderr!r}")
    return json.loads(done.stdout)


def used(gate, tenant="kbz_test"):
    """How much of each limit is used: {its id, and what is counted apart: units}, only those with any."""
    return {" ".join(filter(None, (entry["id"], entry["key"]))): entry["used"]
            for entry in limits_of(gate, tenant) if entry["used"]}


def claim_used(gate, tenant, **expected):
    """`messages=2, bytes=0`: by the limits' units, where a tenant has one of each."""
    found = {entry["unit"]: entry["used"] for entry in limits_of(gate, tenant)}
    claim_equal({unit: found.get(unit) for unit in expected}, expected, f"used by {tenant}")


def claim_delivered(gate, happenings, applications):
    """Every accepted message arrived once, no other did, and all that holds for every case holds."""
    gate.postfix.wait_until_idle()
    expected = sorted(address for application in applications for address in application.delivered)
    delivered = sorted(address for message in gate.sink.all() for address in message.recipients)
    claim_equal(delivered, expected, "recipients of what was delivered")
    for message in gate.sink.all():
        message.claimed = True
    happenings.check_universal_claims()


def ctl(gate, *arguments):
    """mailcorectl, which must succeed; what it prints."""
    done = gate.ctl(*arguments)
    claim_equal(done.returncode, 0, f"status of mailcorectl {' '.join(map(str, arguments))}, which said "
                                    f"{done.stdout + done.stderr!r}")
    return done.stdout


def refused_by_limits(happenings, daemon, tenant, limit):
    """By how much the counter of refusals moved."""
    return happenings.moved(daemon, "mailcore_limit_refused_total", frozenset({("tenant", tenant), ("limit", limit)}))
