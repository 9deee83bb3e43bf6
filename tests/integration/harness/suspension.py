"""Whether a gate refuses a suspended tenant, as each daemon alone says."""

from .limits import Application
from .waiting import wait_until

ALONE = ("policy-alone", "milter-alone")


def is_refused(reply):
    return reply.matches("554 5.7.1 * (tenant_suspended)")


def asked(gate, **evidence):
    """Each daemon's reply to a whole message."""
    replies = []
    for service in ALONE:
        with Application(gate, service=service, **evidence) as application:
            replies.append(application.send())
    return replies


def wait_until_suspended(gate, **evidence):
    wait_until(lambda: all(map(is_refused, asked(gate, **evidence))), "both daemons to refuse the suspended tenant")


def wait_until_resumed(gate, **evidence):
    wait_until(lambda: all(reply.is_success for reply in asked(gate, **evidence)),
               "both daemons to let the resumed tenant pass")
