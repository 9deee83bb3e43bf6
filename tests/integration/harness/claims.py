"""Claims that several stories make, each in words that a failure can be read by."""

from . import stamp
from .waiting import CaseFailure, wait_until


def claim(condition, text):
    if not condition:
        raise CaseFailure(text() if callable(text) else text)


def claim_equal(found, expected, what):
    claim(found == expected, lambda: f"{what}: expected {expected!r}, found {found!r}")


def claim_accepted(reply):
    claim(reply.is_success, f"expected the message to be accepted, got {reply}")


def claim_refused(reply, reason):
    claim(reply.matches(f"5* ({reason})"), f"expected a refusal ({reason}), got {reply}")


def claim_each_accepted_message_delivered_once(gate, senders, tenant):
    """None lost, none twice, none that was not accepted; and each carries the tenant's valid stamp."""
    gate.postfix.wait_until_idle()
    expected = sorted(message.recipient for sender in senders for message in sender.accepted)
    wait_until(lambda: len(gate.sink.all()) >= len(expected), f"{len(expected)} deliveries")
    delivered = sorted(recipient for message in gate.sink.all() for recipient in message.recipients)
    lost, surplus = set(expected) - set(delivered), set(delivered) - set(expected)
    claim(not lost, f"accepted but not delivered: {sorted(lost)[:5]}, {len(lost)} in all")
    claim(not surplus, f"delivered but not accepted: {sorted(surplus)[:5]}, {len(surplus)} in all")
    claim_equal(len(delivered), len(expected), "deliveries of accepted messages")
    for message in gate.sink.all():
        claim_equal(message.values(stamp.TENANT), [tenant], f"tenant of the message to {message.recipients}")
        problem = stamp.problem(message)
        claim(problem is None, f"stamp of the message to {message.recipients}: {problem}")


def claim_never_accepted(senders):
    for sender in senders:
        claim(not sender.accepted, lambda: f"{sender.name} got a message accepted: {sender.accepted[0]}")


def claim_only_deferred(senders):
    """Good mail is accepted or told to come back; it is never refused for good."""
    for sender in senders:
        refused = [reply for reply in sender.replies if reply.startswith("5")]
        claim(not refused, lambda: f"{sender.name} was refused for good: {refused[0]}")
