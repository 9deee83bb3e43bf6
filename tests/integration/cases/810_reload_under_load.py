"""Twenty reloads under load lose no request, and none is answered by half a rule set

Two rule sets take turns. Under the first the client is tenant alpha and may write to a.example only, under the second
it is tenant beta and may write to b.example only. An answer that mixes them (alpha's tenant with beta's recipients)
would be half a rule set. Each message tries both recipients; what is delivered must be of one piece."""

import threading

from harness import stamp
from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.waiting import wait_until

CONFIG = "one-tenant"

RULES = """
tenants:
  {tenant}:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    recipients: {{allow: ["@{allowed}"]}}
"""
SETS = [{"tenant": "alpha", "allowed": "a.example"}, {"tenant": "beta", "allowed": "b.example"}]
ALLOWED = {each["tenant"]: each["allowed"] for each in SETS}
RELOADS, SENDERS = 20, 3


def run(gate):
    gate.write_config(RULES.format(**SETS[0]))
    claim_equal(gate.ctl("reload").returncode, 0, "status of the first reload")
    happenings = Happenings(gate)
    senders = [Alternator(gate, f"s{number}") for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        reload_in_turns(gate, senders)
    finally:
        for sender in senders:
            sender.finish.set()
        for sender in senders:
            sender.join(120)
    gate.postfix.wait_until_idle()
    check_replies(senders)
    check_decisions(happenings, senders)
    check_deliveries(gate, senders)
    for message in gate.sink.all():
        message.claimed = True
    happenings.check_universal_claims()
    for daemon in gate.daemons:
        happenings.check_metric(daemon, "mailcore_reloads_total", frozenset({("result", "ok")}), RELOADS)
        happenings.check_metric(daemon, "mailcore_reloads_total", frozenset({("result", "failed")}), 0)
        happenings.check_metric(daemon, "mailcore_unreadable_requests_total", frozenset(), 0)


def reload_in_turns(gate, senders):
    """Each reload waits until some messages were sent since the last, so that all happen under load."""
    for turn in range(1, RELOADS + 1):
        aim = sent(senders) + 2
        wait_until(lambda: sent(senders) >= aim or any(sender.problem for sender in senders),
                   "messages between two reloads", seconds=60)
        gate.write_config(RULES.format(**SETS[turn % 2]))
        if turn % 2:
            done = gate.ctl("reload")
            claim_equal(done.returncode, 0, f"status of mailcorectl reload, which said {done.stdout + done.stderr!r}")
        else:
            for daemon in gate.daemons.values():
                daemon.reload_by_signal()


def sent(senders):
    return sum(sender.messages for sender in senders)


class Alternator(threading.Thread):
    """Sends each message to a recipient of either set, on one connection for as long as it lasts."""

    def __init__(self, gate, name):
        super().__init__(name=name, daemon=True)
        self.gate = gate
        self.finish = threading.Event()
        self.replies, self.accepted = [], []
        self.messages, self.recipient_commands = 0, 0
        self.problem = None

    def run(self):
        try:
            with self.gate.connect(client="10.0.0.250") as connection:
                while not self.finish.is_set():
                    self.send(connection)
                connection.quit()
        except Exception as problem:   # a lost connection is what this story forbids; told by check_replies
            self.problem = problem

    def send(self, connection):
        self.messages += 1
        recipients = [f"{self.name}.{self.messages}@{domain}" for domain in ALLOWED.values()]
        self.say(connection, "MAIL FROM:<x@keybuzz.io>")
        taken = [recipient for recipient in recipients if self.to(connection, recipient).is_success]
        if not taken:
            return self.say(connection, "RSET")
        reply = connection.data(f"From: x@keybuzz.io\r\nMessage-ID: <{recipients[0]}>\r\n\r\nHello.\r\n".encode())
        self.replies.append(reply)
        if reply.is_success:
            self.accepted.append(taken)
        else:
            self.say(connection, "RSET")

    def to(self, connection, recipient):
        self.recipient_commands += 1
        return self.say(connection, f"RCPT TO:<{recipient}>")

    def say(self, connection, command):
        self.replies.append(connection.command(command))
        return self.replies[-1]


def check_replies(senders):
    """Every command was answered: taken, or refused for its recipient; nothing was deferred, no connection lost."""
    for sender in senders:
        claim(sender.problem is None, f"{sender.name}: {sender.problem!r}")
        for reply in sender.replies:
            refused = reply.matches("554 5.7.1 * (recipient_not_allowed)")
            claim(reply.is_success or refused, f"{sender.name} got {reply}")
    claim(sum(len(sender.accepted) for sender in senders) >= RELOADS, "too few messages were accepted to say anything")


def check_decisions(happenings, senders):
    asked = sum(sender.recipient_commands for sender in senders)
    wait_until(lambda: len(lines_at_rcpt(happenings)) >= asked,
               lambda: f"{asked} decisions of the policy daemon at RCPT; there are {len(lines_at_rcpt(happenings))}")
    claim_equal(len(lines_at_rcpt(happenings)), asked, "decisions of the policy daemon at RCPT")
    for line in happenings.lines():
        claim(line["tenant"] in ALLOWED, f"a decision of neither rule set: {line}")
        domain = (line.get("recipient") or "").rpartition("@")[2]
        if domain:
            expected = "pass" if domain == ALLOWED[line["tenant"]] else "reject"
            claim_equal(line["action"], expected, f"action of the decision {line}")


def lines_at_rcpt(happenings):
    return [line for line in happenings.lines("policy") if line.get("state") == "RCPT"]


def check_deliveries(gate, senders):
    accepted = sum(len(sender.accepted) for sender in senders)
    wait_until(lambda: len(gate.sink.all()) >= accepted, f"{accepted} deliveries")
    claim_equal(len(gate.sink.all()), accepted, "messages delivered")
    for message in gate.sink.all():
        domains = {recipient.rpartition("@")[2] for recipient in message.recipients}
        tenants = message.values(stamp.TENANT)
        claim(len(tenants) == 1 and domains == {ALLOWED.get(tenants[0])},
              f"stamped {tenants} and delivered to {message.recipients}")
