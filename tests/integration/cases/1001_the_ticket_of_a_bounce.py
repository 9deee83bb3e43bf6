"""A bounced message is told to the application with its ticket, signed; so is one that was sent, put off, refused

The ticket of the issue, by webhook and by mailcorectl."""

from harness.claims import claim, claim_equal
from harness.outcomes import following

CONFIG = "default"
TICKET = "ticket_smtp_test_001"
REFUSED = "550 5.1.1 no such user"
BUSY = "451 4.7.1 come again"


def run(gate):
    with following(gate) as outcomes:
        check_bounced(gate, outcomes)
        check_sent(gate, outcomes)
        check_deferred_then_sent(gate, outcomes)
        check_rejected(gate, outcomes)
        check_shown(outcomes)
        check_queue(outcomes)


def relay(gate):
    return f"127.0.0.1[127.0.0.1]:{gate.sink.port}"


def check_bounced(gate, outcomes):
    gate.sink.answers["bounce@example.com"] = REFUSED
    queue_id = outcomes.send("bounce@example.com", ticket=TICKET, headers=["Message-ID: <first@keybuzz.io>"])
    event, = outcomes.receiver.wait_for(queueId=queue_id)
    notice, = gate.sink.wait_for("amazon@inbound.keybuzz.io").values("Message-ID")
    expected = {"tenantId": "kbz_test", "ticketId": TICKET, "messageId": "<first@keybuzz.io>", "queueId": queue_id,
                "sender": "amazon@inbound.keybuzz.io", "recipient": "bounce@example.com", "provider": "SES", "relay": relay(gate),
                "status": "BOUNCED", "dsn": "5.1.1", "attempts": 1, "postfixInstance": "postfix"}
    claim_equal({name: event[name] for name in expected}, expected, "the event of the bounce")
    claim(REFUSED in event["reason"], f"the reason is {event['reason']!r}")
    shown = outcomes.wait_for_one(ticketId=TICKET)
    notification_id = shown.get("notificationId", "")
    claim(notification_id and notification_id in notice,
          f"notificationId is {notification_id!r}, the notice's Message-ID {notice}")
    claim_equal({name: shown[name] for name in event}, event, "what mailcorectl shows of it")


def check_sent(gate, outcomes):
    queue_id = outcomes.send("buyer@example.com", ticket="T-2")
    event, = outcomes.receiver.wait_for(queueId=queue_id)
    expected = {"ticketId": "T-2", "status": "SENT", "dsn": "2.0.0", "reason": "250 2.0.0 kept", "attempts": 1, "relay": relay(gate)}
    claim_equal({name: event[name] for name in expected}, expected, "the event of the message sent")


def check_deferred_then_sent(gate, outcomes):
    gate.sink.answers["busy@example.com"] = BUSY
    queue_id = outcomes.send("busy@example.com", ticket="T-3")
    first, = outcomes.receiver.wait_for(queueId=queue_id)
    claim_equal((first["status"], first["dsn"], BUSY in first["reason"]), ("DEFERRED", "4.7.1", True), "the first event")
    del gate.sink.answers["busy@example.com"]
    last = outcomes.receiver.wait_for(2, queueId=queue_id)[1]
    claim_equal((last["status"], last["ticketId"]), ("SENT", "T-3"), "the last event")
    claim(last["attempts"] >= 2, f"{last['attempts']} attempts")
    outcomes.receiver.claim_told(("busy@example.com", "DEFERRED"), ("busy@example.com", "SENT"), queueId=queue_id)


def check_rejected(gate, outcomes):
    """By the gate, at the end of the message: one outcome, though Postfix logs it too."""
    reply = outcomes.try_to_send("buyer@example.com", ticket="T-4", headers=["X-KeyBuzz-Ticket: T-5"])
    claim(reply.matches("554 5.7.1 * (ticket_malformed)"), f"expected ticket_malformed, got {reply}")
    event, = outcomes.receiver.wait_for(status="REJECTED")
    expected = {"tenantId": "kbz_test", "recipient": "buyer@example.com", "dsn": "5.7.1", "reason": str(reply)}
    claim_equal({name: event[name] for name in expected}, expected, "the event of the refusal")


def check_shown(outcomes):
    table = outcomes.ctl("outcomes", "--ticket", TICKET).splitlines()
    claim_equal(table[0].split(), ["TIME", "STATUS", "TENANT", "TICKET", "RECIPIENT", "DSN", "REASON"], "head of the table")
    claim_equal(table[1].split()[2:7], ["BOUNCED", "kbz_test", TICKET, "bounce@example.com", "5.1.1"], "its only line")
    claim_equal(len(table), 2, "lines of the table")
    shown = outcomes.list(tenant="kbz_test")
    claim_equal([(one["recipient"], one["status"]) for one in shown],
                [("buyer@example.com", "REJECTED"), ("busy@example.com", "SENT"), ("buyer@example.com", "SENT"),
                 ("bounce@example.com", "BOUNCED")], "outcomes of the tenant, newest first")
    claim_equal(len(outcomes.list()), 4, "outcomes in all: the notice to the sender is none")


def check_queue(outcomes):
    outcomes.wait_for_queue(pending=0, sending=0, sent=5, failed=0)
    claim_equal(len(outcomes.receiver.all()), 5, "requests")
    table = [line.split() for line in outcomes.ctl("queue", "stats", *outcomes.postfix_option()).splitlines()]
    claim_equal(table, [["WEBHOOK", "PENDING", "SENDING", "SENT", "FAILED"], ["events", "0", "0", "5", "0"], [],
                        ["POSTFIX", "INCOMING", "ACTIVE", "DEFERRED", "HOLD"], ["messages", "0", "0", "0", "0"]], "queue stats")
