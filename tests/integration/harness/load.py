"""Load: senders that behave as mail servers do. What is deferred or cut off is tried again on a new connection until
it is accepted or refused for good; every attempt is remembered."""

import dataclasses
import itertools
import threading

from . import casefile
from .smtp import ConnectionLost
from .waiting import CaseFailure, wait_until

PAUSE_SECONDS = 0.05


@dataclasses.dataclass
class Attempted:
    """One message and all its attempts, in words: replies as Postfix gave them, or "lost"."""
    recipient: str
    replies: list = dataclasses.field(default_factory=list)

    @property
    def is_accepted(self):
        return bool(self.replies) and self.replies[-1].startswith("2")


class Sender(threading.Thread):
    """Sends message after message until told to finish; the message at hand is brought to its end first, or given up
    where `gives_up`: what a limit defers may have to wait for a day."""

    def __init__(self, gate, name, client, address, headers=(), service="25", gives_up=False):
        super().__init__(name=name, daemon=True)
        self.gate, self.client, self.address = gate, client, address
        self.headers, self.service, self.gives_up = headers, service, gives_up
        self.sent = []
        self.finish = threading.Event()
        self.connection = None
        self.problem = None

    def run(self):
        try:
            for number in itertools.count(1):
                if self.finish.is_set():
                    break
                self._send(Attempted(f"{self.name}.{number}@example.com"))
        except BaseException as problem:   # told by `end`, in the thread that judges
            self.problem = problem
        finally:
            self._leave()

    def _send(self, message):
        self.sent.append(message)
        while True:
            message.replies.append(self._attempt(message))
            if message.is_accepted:
                return
            if message.replies[-1].startswith("5"):
                self.finish.wait(PAUSE_SECONDS)   # an intruder tries again and again, but leaves us some processor
                return
            self._leave()
            is_finished = self.finish.wait(PAUSE_SECONDS)
            if is_finished and self.gives_up:
                return
            if is_finished and len(message.replies) > 200:
                raise CaseFailure(f"{message.recipient} was still not accepted: {message.replies[-3:]}")

    def _attempt(self, message):
        try:
            if self.connection is None:
                self.connection = self.gate.connect(self.service, self.client)
            reply = self.connection.send_mail(self.address, [message.recipient], self._text(message))
            return str(reply)
        except (ConnectionLost, OSError) as problem:
            return f"lost: {problem}"

    def _text(self, message):
        headers = [f"From: {self.address}", f"To: {message.recipient}", f"Message-ID: <{message.recipient}>"]
        return casefile.block_bytes([*headers, *self.headers, "", "Hello."])

    def _leave(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    # --- what the judge asks

    @property
    def accepted(self):
        return [message for message in self.sent if message.is_accepted]

    @property
    def replies(self):
        return [reply for message in self.sent for reply in message.replies]

    def deferrals(self):
        return sum(reply[0] in "4l" for reply in self.replies)


class Load:
    """Several senders at once.

        with Load(senders) as load:
            load.wait_for_accepted(20)
    """

    def __init__(self, senders):
        self.senders = senders

    def __enter__(self):
        for sender in self.senders:
            sender.start()
        return self

    def __exit__(self, kind, *_):
        for sender in self.senders:
            sender.finish.set()
        for sender in self.senders:
            sender.join(120)
        problems = [sender.problem for sender in self.senders if sender.problem]
        if kind is None and problems:
            raise problems[0]

    def wait_for_accepted(self, more):
        """Until so many more messages than now have been accepted."""
        self._wait_for(lambda: sum(len(sender.accepted) for sender in self.senders), more, "accepted messages")

    def wait_for_deferrals(self, more):
        """Until so many more attempts than now have failed for the time being: the gap has been noticed."""
        self._wait_for(lambda: sum(sender.deferrals() for sender in self.senders), more, "deferred attempts")

    def _wait_for(self, count, more, what):
        aim = count() + more
        wait_until(lambda: count() >= aim or any(sender.problem for sender in self.senders),
                   lambda: f"{aim} {what}; there are {count()}", seconds=90)
