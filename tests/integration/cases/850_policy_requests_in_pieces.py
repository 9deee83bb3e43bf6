"""The policy daemon reads requests cut at every byte, joined and pipelined, and hangs up on broken ones

In trouble the protocol knows no reply: the server logs and hangs up, and Postfix applies its default_action."""

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.policy_client import PolicyClient, request
from harness.waiting import wait_until

CONFIG = "one-tenant"
REFUSAL = "554 5.7.1 "

BROKEN = {
    "a line without =": b"request=smtpd_access_policy\nnonsense\n\n",
    "another request": b"request=something_else\n\n",
    "no request": b"client_address=10.0.0.250\n\n",
    "an empty request": b"\n",
    "a NUL": request(sender="a@keybuzz.io\0"),
    "a line of 100 kB": b"request=smtpd_access_policy\nsender=" + b"a" * 100_000 + b"\n\n",
    "ten thousand attributes": b"".join(b"x%d=\n" % number for number in range(10_000)) + request(),
    "an endless line": b"x" * 1_000_000,
}


def run(gate):
    happenings = Happenings(gate)
    path = gate.policy.socket_path
    check_every_cut(path)
    check_joined(path)
    check_many_connections(path)
    check_dropped(path)
    happenings.check_metric("policy", "mailcore_unreadable_requests_total", frozenset(), 0)
    happenings.check_universal_claims()
    check_broken(path, happenings)


def check_every_cut(path):
    """One connection, one request for each place of the cut; odd ones are refused, so that no answer can lag behind."""
    with PolicyClient(path) as client:
        for place in range(1, len(request())):
            refused = place % 2
            text = request(sender="evil@evil.example" if refused else "a@keybuzz.io")
            client.send(text[:place])
            client.send(text[place:])
            check_answer(client.read_action(), refused, f"a request cut after byte {place}")
        text = request(sender="é@keybuzz.io")
        for byte in text:
            client.send(bytes([byte]))
        check_answer(client.read_action(), False, "a request sent byte by byte")


def check_joined(path):
    with PolicyClient(path) as client:
        senders = ["a@keybuzz.io", "evil@evil.example"] * 50
        client.send(b"".join(request(sender=sender) for sender in senders))
        for sender in senders:
            check_answer(client.read_action(), sender.startswith("evil"), "a hundred requests in one write")


def check_many_connections(path):
    clients = [PolicyClient(path) for _ in range(300)]
    for number, client in enumerate(clients):
        check_answer(client.ask(sender="a@keybuzz.io" if number % 2 else "evil@evil.example"), number % 2 == 0,
                     "three hundred connections")
    for client in clients:
        client.__exit__()


def check_dropped(path):
    """Clients that leave at once, or in the middle of a request."""
    for text in (b"", request()[:100], request()[:-1]):
        with PolicyClient(path) as client:
            client.send(text)
    with PolicyClient(path) as client:
        check_answer(client.ask(), False, "a request after clients that left")


def check_answer(action, refused, title):
    if refused:
        claim(action and action.startswith(REFUSAL) and action.endswith("(sender_not_allowed)"), f"{title}: {action!r}")
    else:
        claim_equal(action, "DUNNO", title)


def check_broken(path, happenings):
    for title, text in BROKEN.items():
        before = happenings.moved("policy", "mailcore_unreadable_requests_total")
        with PolicyClient(path) as client:
            try:
                client.send(text)
            except BrokenPipeError:
                pass   # it hung up before the end, which is fine
            claim_equal(client.read_action(), None, f"answer to {title}")
        wait_until(lambda: happenings.moved("policy", "mailcore_unreadable_requests_total") == before + 1,
                   lambda: f"{title} to be counted as one unreadable request")
    with PolicyClient(path) as client:
        check_answer(client.ask(), False, "a request after broken ones")
