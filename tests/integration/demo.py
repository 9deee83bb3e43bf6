#!/usr/bin/env python3
"""The main job on a private Postfix, shown: ./dev demo [--build DIR].

Starts Postfix, the daemons, a place for the mail to go and an application to be told, plays a handful of scenes, and stops everything again.
Exit status 0 only when every scene went as told."""

import argparse
import json
import pathlib
import re
import sys

from harness.claims import claim
from harness.expectations import Happenings
from harness.gate import Gate
from harness.headers import header_block
from harness.outcomes import following
from harness.processes import end_in_order_on_signals
from harness.transcript import Transcript
from harness.waiting import CaseFailure, HarnessError

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
BUYER = "buyer@example.com"
OTHER_SHOP = {"client": "10.0.0.251", "sender": "sales@other-shop.example"}


class Demo:
    def __init__(self, gate, outcomes, show):
        self.gate, self.outcomes, self.show = gate, outcomes, show
        self.failures = 0
        self.delivered = None      # the message of the first scene, verified in the last

    def run(self):
        self.introduce()
        self.accepted()
        self.refused("2. A forged tenant is refused",
                     "The same application server says that its message is another tenant's.",
                     client="10.0.0.250", sender="amazon@inbound.keybuzz.io", reason="tenant_claim_refused",
                     headers=["X-KeyBuzz-Tenant: other_shop"])
        self.refused("3. A foreign client is refused",
                     "A host that no tenant lists tries to relay, with a tenant's own sender address.",
                     client="10.66.6.6", sender="amazon@inbound.keybuzz.io", reason="client_not_allowed")
        self.refused("4. A foreign sender is refused",
                     "The application server sends with an address that is not its tenant's.",
                     client="10.0.0.250", sender="ceo@bank.example", reason="sender_not_allowed")
        self.explained()
        self.verified()
        self.told()
        self.limited()
        self.counted()
        return self.failures == 0

    def introduce(self):
        self.show.title("mailcore on a private Postfix", "=")
        self.show.say("A real Postfix with mailcore-policy, mailcore-milter and mailcore-outcomes, all on 127.0.0.1; XCLIENT lends the "
                      "client addresses. The rules:")
        self.show.line()
        self.show.block(re.sub(r"(?m)^#.*\n", "", (HERE / "demo.yaml").read_text()), colour="dim")

    # --- scenes

    def accepted(self):
        self.show.title("1. A tenant's message is accepted, stamped and delivered")
        self.show.say("The application server names tenant and ticket, and brings a stamp that it made up.")
        message = make_message("amazon@inbound.keybuzz.io", "X-KeyBuzz-Tenant: kbz_test",
                               "X-KeyBuzz-Ticket: ticket_smtp_test_001", "X-KeyBuzz-Stamp: v=1; forged")
        happenings = Happenings(self.gate)
        reply = self.converse("10.0.0.250", "amazon@inbound.keybuzz.io", message)
        if reply.code != 250:
            self.show_decisions(happenings)
            return self.expect(False, f"Postfix answered {reply.code}")
        self.delivered = self.gate.sink.wait_for(BUYER)
        passed = {"action": "pass", "reason": "ok", "tenant": "kbz_test"}
        self.judge(lambda: happenings.check_log("milter", passed), None)
        self.show_headers("headers as sent", message)
        self.show_headers("headers as delivered", self.delivered.raw)
        self.show_decisions(happenings)
        self.judge(happenings.check_delivery_is_stamped,
                   "delivered once, with a valid stamp; the forged one is gone")

    def refused(self, title, story, client, sender, reason, headers=()):
        self.show.title(title)
        self.show.say(story)
        happenings = Happenings(self.gate)
        reply = self.converse(client, sender, make_message(sender, *headers))
        self.gate.postfix.wait_until_idle()
        self.judge(lambda: happenings.check_log(None, {"action": "reject", "reason": reason}), None)
        self.show_decisions(happenings)
        self.judge(happenings.check_nothing_delivered, None)
        self.expect(reply.matches(f"554 5.7.1 *({reason})"), f"{reply.code} ({reason}), and nothing was delivered")

    def explained(self):
        self.show.title("5. The operator asks why")
        done = self.control("explain", "client_address=10.0.0.250", "sender=ceo@bank.example", f"recipient={BUYER}")
        explained = done.returncode == 0 and "sender_not_allowed" in done.stdout
        self.expect(explained, "mailcorectl explain gives the reason")

    def verified(self):
        self.show.title("6. The stamp of the delivered message is checked")
        if self.delivered is None:
            return self.expect(False, "there is no delivered message to check")
        genuine, tampered = self.gate.folder / "delivered.eml", self.gate.folder / "tampered.eml"
        genuine.write_bytes(self.delivered.raw)
        tampered.write_bytes(self.delivered.raw.replace(b"ticket_smtp_test_001", b"ticket_smtp_test_002"))
        statuses = [self.control("stamp", "verify", path, "--sender", "amazon@inbound.keybuzz.io").returncode
                    for path in (genuine, tampered)]
        self.expect(statuses == [0, 1], "the delivered message is genuine, the one with another ticket is not")

    def told(self):
        self.show.title("7. A message bounces, and the application is told of its ticket")
        self.show.say("The mailbox of the recipient does not exist. mailcore-outcomes reads it from Postfix's log, and posts "
                      "it to the application, signed.")
        self.gate.sink.answers["nobody@example.com"] = "550 5.1.1 no such user"
        self.outcomes.send("nobody@example.com", ticket="ticket_smtp_test_002")
        event, = self.outcomes.receiver.wait_for(recipient="nobody@example.com")
        self.show.line()
        self.show.block(f"POST {self.outcomes.receiver.url}", "-- ", "dim")
        self.show.block(json.dumps(event, indent=2))
        bounced = (event["status"], event["tenantId"], event["ticketId"]) == ("BOUNCED", "kbz_test", "ticket_smtp_test_002")
        self.expect(bounced, "the application knows which ticket has bounced, and why")
        done = self.control("outcomes", "--tenant", "kbz_test", by=self.outcomes.try_ctl)
        states = re.findall(r"SENT|BOUNCED|REJECTED", done.stdout)
        self.expect(states == ["BOUNCED", "SENT"], "and the operator sees both outcomes of the tenant")

    def limited(self):
        self.show.title("8. A tenant sends more than it may")
        self.show.say("Two messages an hour; this is the third. The client keeps it, and comes again.")
        for _ in range(2):
            with self.gate.connect("25", OTHER_SHOP["client"]) as connection:
                reply = connection.send_mail(OTHER_SHOP["sender"], [BUYER], make_message(OTHER_SHOP["sender"]))
                connection.quit()
            self.judge(lambda reply=reply: claim(reply.is_success, f"within the limit, but {reply}"), None)
        happenings = Happenings(self.gate)
        reply = self.converse(message=make_message(OTHER_SHOP["sender"]), **OTHER_SHOP)
        self.show_decisions(happenings)
        self.expect(reply.matches("450 4.7.1 *(limit_exceeded)"), f"{reply.code} (limit_exceeded): put off, not lost")
        done = self.control("limits", "other_shop")
        self.expect(re.search(r"messages\b.*\b2\b", done.stdout), "and the operator sees what is used, and when it is free again")

    def counted(self):
        self.show.title("9. The counters at the end")
        self.show.block("mailcore_decisions_total, as Prometheus reads it", "-- ", "dim")
        reasons = set()
        for name, daemon in self.gate.daemons.items():
            for (metric, labels), value in sorted(daemon.metrics().items(), key=str):
                if metric == "mailcore_decisions_total" and value:
                    words = dict(labels)
                    reasons.add(words["reason"])
                    self.show.block(f"{name:9} {words['action']:7} {words['reason']:22} {value:3g}")
        expected = {"ok", "tenant_claim_refused", "client_not_allowed", "sender_not_allowed", "limit_exceeded"}
        self.expect(expected <= reasons, "every scene was counted")

    # --- parts of scenes

    def converse(self, client, sender, message):
        """One transaction, shown as it runs. The last reply."""
        self.show.line()
        self.show.block(f"from {client}", "-- ", "dim")
        with self.gate.connect("25", client) as connection:
            for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{BUYER}>", "DATA"):
                reply = connection.data(message) if command == "DATA" else connection.command(command)
                self.show.block(command, "C: ")
                self.show.block(str(reply), "S: ", None if reply.is_success else "bold")
                if not reply.is_success:
                    break
            connection.quit()
        return reply

    def show_headers(self, title, raw):
        self.show.line()
        self.show.block(title, "-- ", "dim")
        lines = header_block(raw).decode("latin-1").splitlines()
        self.show.block("\n".join(line for line in lines if not re.match(r"Received:|[ \t]", line)))

    def show_decisions(self, happenings):
        self.show.line()
        self.show.block("decision lines", "-- ", "dim")
        for line in sorted(happenings.lines(), key=lambda line: line["time"]):
            state = "END" if line.get("state") == "END-OF-MESSAGE" else line.get("state") or ""
            facts = f"{line['tenant']} {line['ticket']}".strip()
            self.show.block(f"{line['daemon']:6} {state:5} {line['action']:7} {line['reason']:22} {facts}")

    def control(self, *arguments, by=None):
        self.show.line()
        shown = " ".join(argument.name if isinstance(argument, pathlib.Path) else argument for argument in arguments)
        self.show.block(f"mailcorectl {shown}", "$ ")
        done = (by or self.gate.ctl)(*arguments)
        self.show.block(done.stdout + done.stderr)
        return done

    def judge(self, check, text):
        try:
            check()
        except CaseFailure as failure:
            self.expect(False, str(failure))
        else:
            if text:
                self.expect(True, text)

    def expect(self, as_told, text):
        self.failures += not as_told
        self.show.verdict(as_told, text)


def make_message(sender, *headers):
    lines = [f"From: {sender}", f"To: {BUYER}", "Subject: Your order", "Message-ID: <order-4711@keybuzz.io>",
             *headers, "", "Thank you."]
    return "".join(line + "\r\n" for line in lines).encode()


def play(build, show):
    gate = Gate(build)
    try:
        with gate:
            gate.use_config(HERE / "demo.yaml")
            with following(gate) as outcomes:
                went_well = Demo(gate, outcomes, show).run()
            gate.stop_daemons()
    except (HarnessError, CaseFailure) as error:
        show.title("The demo could not go on")
        show.block(str(error), colour="red")
        return False
    show.line()
    show.line("everything stopped; nothing left behind", "bold")
    return went_well


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=PROJECT / "build" / "dev", help="build directory (default: build/dev)")
    options = parser.parse_args()
    end_in_order_on_signals()
    return 0 if play(options.build, Transcript()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; everything was stopped")
        sys.exit(130)
