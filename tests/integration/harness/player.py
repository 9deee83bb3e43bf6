"""Plays one text case against the gate: speaks its steps, then judges its outcomes."""

import itertools
import shlex

from . import casefile, metrics
from .expectations import Happenings, check_delivered
from .sasl import LoginServer
from .waiting import CaseFailure

_unique = itertools.count(1)


class Player:
    def __init__(self, gate, case, port):
        self.gate, self.case, self.port = gate, case, port
        self.settings = {"client": None, "login": None, "helo": "client.test", "tls": None, "auth": None}
        self.connection = None
        self.unchecked = None      # (statement, reply) of the last command, until something expects it
        self.refusal = None        # the first refusal of a transaction that ends in REFUSED
        self.sender = ""
        self.headers = []

    def play(self):
        happenings = Happenings(self.gate)
        try:
            for statement in self.case.steps:
                self._play_step(statement)
            self._check_success()
        finally:
            self._disconnect()
        self.gate.postfix.wait_until_idle()
        for statement in self.case.outcomes:
            with_place(statement, lambda: self._judge(statement, happenings))
        happenings.check_universal_claims()

    def _play_step(self, statement):
        if statement.keyword in casefile.SETTINGS:
            self._check_success()
            self._disconnect()
            if statement.keyword != "connect":
                self.settings[statement.keyword] = statement.argument or None
        elif statement.lenient and self.refusal and statement.keyword != "REFUSED":
            return
        else:
            with_place(statement, lambda: getattr(self, "_step_" + statement.keyword.lower())(statement))

    # --- speaking

    def _connected(self):
        if self.connection is None:
            settings = self.settings
            self.connection = self.gate.connect(self.port, settings["client"], settings["login"], settings["tls"],
                                                settings["helo"])
            if settings["auth"]:
                name, _, password = settings["auth"].partition(" ")
                self._note(None, self.connection.login(name, password or LoginServer.PASSWORD))
        return self.connection

    def _disconnect(self):
        if self.connection is not None:
            self.connection.quit()
            self.connection = None

    def _say(self, statement, text):
        connection = self._connected()
        self._check_success()
        self._note(statement, connection.command(casefile.unescape(text)))

    def _note(self, statement, reply):
        self.unchecked = (statement, reply)
        if statement is not None and statement.lenient:
            self.unchecked = None
            if not reply.is_success:
                self.refusal = reply
                self.connection.command("RSET")

    def _step_from(self, statement):
        self.sender = statement.argument.partition("<")[2].partition(">")[0]
        self.refusal = None
        self._say(statement, f"MAIL FROM:{statement.argument}")

    def _step_to(self, statement):
        self._say(statement, f"RCPT TO:{statement.argument}")

    def _step_say(self, statement):
        self._say(statement, statement.argument)

    def _step_header(self, statement):
        self.headers.append(statement.argument)

    def _step_data(self, statement):
        self._check_success()
        size = int(statement.argument or 0)
        message = casefile.block_bytes(statement.block) if statement.block else self._ordinary_message(size)
        self._note(statement, self._connected().data(message))

    def _step_drop(self, _):
        """Leave without a word, in the middle of whatever it is."""
        self.unchecked = None
        self.connection.close()
        self.connection = None

    def _step_ctl(self, statement):
        """The operator's hand, meanwhile."""
        done = self.gate.ctl(*shlex.split(statement.argument))
        if done.returncode != 0:
            raise CaseFailure(f"mailcorectl ended with {done.returncode}: {done.stdout + done.stderr}")

    def _step_send(self, statement):
        """Raw bytes in one write; each EXPECT below reads one reply."""
        self._check_success()
        self._connected().send(casefile.block_bytes(statement.block))

    def _ordinary_message(self, size=0):
        """The HEADER lines, what a decent client adds to them, and a body of at least this size."""
        headers, self.headers = self.headers, []
        names = {header.partition(":")[0].strip().lower() for header in headers}
        if "from" not in names:
            headers.append(f"From: {self.sender or 'postmaster@client.test'}")
        if "message-id" not in names:
            headers.append(f"Message-ID: <{next(_unique)}.{self.case.name}@client.test>")
        return casefile.block_bytes([*headers, "", "Hello.", *["x" * 70] * (size // 72 + 1 if size else 0)])

    # --- judging replies

    def _check_success(self):
        """A reply that no EXPECT asked for must have been a success."""
        noted, self.unchecked = self.unchecked, None
        if noted and not noted[1].is_success:
            place = f"line {noted[0].line}: " if noted[0] else ""
            raise CaseFailure(f"{place}expected success, got {noted[1]}")

    def _step_expect(self, statement):
        noted, self.unchecked = self.unchecked, None
        reply = noted[1] if noted else self._connected().read_reply()
        if not reply.matches(statement.argument):
            raise CaseFailure(f"expected {statement.argument}\n     got      {reply}")

    def _step_refused(self, statement):
        if self.refusal is None:
            self._note_lenient_end()
        if self.refusal is None:
            raise CaseFailure(f"expected refusal {statement.argument}, but the message was accepted")
        if not self.refusal.matches(statement.argument):
            raise CaseFailure(f"expected {statement.argument}\n     got      {self.refusal}")
        self.refusal = None

    def _note_lenient_end(self):
        """The transaction's recipients were all taken: only its message can still be refused."""
        reply = self._connected().data(self._ordinary_message())
        self.refusal = None if reply.is_success else reply

    # --- judging outcomes

    def _judge(self, statement, happenings):
        keyword = statement.keyword
        if keyword in ("LOG", "NO LOG"):
            daemon, expected = parse_log(statement.argument)
            happenings.check_log(daemon, expected) if keyword == "LOG" else happenings.check_no_log(daemon, expected)
        elif keyword == "METRIC":
            happenings.check_metric(*parse_metric(statement.argument))
        elif keyword == "DELIVERED":
            check_delivered(happenings.the_delivery_to(statement.argument.strip("<>")), statement.block)
        elif keyword == "NOT DELIVERED":
            happenings.check_nothing_delivered()
        elif keyword == "HELD":
            happenings.check_held(int(statement.argument))


def with_place(statement, action):
    """Run it; a failure gains the line of the case at which it happened."""
    try:
        action()
    except CaseFailure as failure:
        raise CaseFailure(f"line {statement.line}, {statement.keyword}: {failure}") from None


def parse_log(text):
    """`milter action=reject "detail=two words"`: the daemon, if named, and the expected fields."""
    words = shlex.split(text)
    daemon = words.pop(0) if words and "=" not in words[0] else None
    return daemon, dict(word.split("=", 1) for word in words)


def parse_metric(text):
    """`milter name{label="x"} +1`: the daemon, if named (else the sum of both), the series, the difference."""
    selector, _, difference = text.rpartition(" ")
    first, _, rest = selector.strip().partition(" ")
    daemon, selector = (first, rest.strip()) if rest else (None, first)
    return daemon, *metrics.parse_selector(selector), int(difference)
