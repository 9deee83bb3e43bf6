"""What befalls a message inside Postfix: settings for a while, another service, and what operators do with the queue."""

import contextlib
import socket
import subprocess

from . import ports, wiring
from .claims import claim_equal
from .foreign_milter import ForeignMilter
from .waiting import HarnessError, wait_until


@contextlib.contextmanager
def settings(gate, services="", **values):
    """main.cf with these values over it and master.cf with these services more, until the end of the block."""
    postfix = gate.postfix
    try:
        for name, value in values.items():
            _append(postfix, "main.cf", f"{name} = {value}\n")
        _append(postfix, "master.cf", services)
        reload(gate)
        yield
    finally:
        postfix.write_configuration()
        reload(gate)


def _append(postfix, name, text):
    with open(postfix.directories["config"] / name, "a") as file:
        file.write(text)


def reload(gate):
    log = gate.postfix.directories["log"]
    before = log.read_text(errors="replace").count("reload -- version")
    run(gate, "postfix", "reload")
    wait_until(lambda: log.read_text(errors="replace").count("reload -- version") > before, "Postfix to reload", error=HarnessError)


@contextlib.contextmanager
def services(gate, lines, **names):
    """Services of Postfix more: what master.cf says of them, and by which name cases connect to which port."""
    with settings(gate, lines):
        gate.postfix.endpoints |= {name: [("127.0.0.1", port)] for name, port in names.items()}
        try:
            for port in names.values():
                wait_until(lambda: ports.accepts_connections(socket.AF_INET, ("127.0.0.1", port)), f"port {port}", error=HarnessError)
            yield
        finally:
            for name in names:
                del gate.postfix.endpoints[name]


@contextlib.contextmanager
def content_filters(gate):
    """Services `filtered` and `filtered_told`, which hand each message to a second smtpd; that puts it into the queue again
    without looking at it. The second one tells it by XFORWARD whose message it is."""
    plain, told, back = ports.free_ports(3)
    lines = _smtpd(back, ["syslog_name=postfix/after-filter", "smtpd_milters=", "smtpd_relay_restrictions=permit_mynetworks,reject",
                          "smtpd_data_restrictions=", "smtpd_authorized_xforward_hosts=127.0.0.0/8"])
    for name, port, forward in (("filter", plain, "no"), ("filter-told", told, "yes")):
        lines += _smtpd(port, [*wiring.service_options("25"), f"content_filter={name}:[127.0.0.1]:{back}"])
        lines += _service(f"{name} unix - - n - - smtp", [f"smtp_send_xforward_command={forward}"])
    with services(gate, lines, filtered=plain, filtered_told=told):
        yield


@contextlib.contextmanager
def refusing(gate, address):
    """A service `refusing` that is as port 25, and where Postfix itself refuses this recipient."""
    port, = ports.free_ports(1)
    access = f"{{ smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ {address} = REJECT not here }} }} }}"
    with services(gate, _smtpd(port, [*wiring.service_options("25"), access]), refusing=port):
        yield


@contextlib.contextmanager
def beside_another_milter(gate):
    """A service `filtered` that is as port 25, where a second milter is asked after ours; yields that milter."""
    port, = ports.free_ports(1)
    with ForeignMilter() as other:
        milters = f"{{ smtpd_milters = unix:mailcore/milter.sock, {other.address} }}"
        with services(gate, _smtpd(port, [*wiring.service_options("25"), milters]), filtered=port):
            yield other


def _smtpd(port, options):
    return _service(f"127.0.0.1:{port} inet n - n - - smtpd", options)


def _service(line, options):
    return "".join([line, *(f"\n  -o {option}" for option in options), "\n"])


def postsuper(gate, option, queue_id):
    run(gate, "postsuper", option, queue_id)


def flush(gate):
    """Also what postsuper -r has put into maildrop, where pickup looks once a minute."""
    wait_until(lambda: _run(gate, "postkick", "public", "pickup", "W").returncode == 0, "pickup to listen", error=HarnessError)
    wait_until(lambda: _run(gate, "postqueue", "-f").returncode == 0, "qmgr to listen", error=HarnessError)   # not while it reloads


def deliver_all(gate, tries=6):
    """Until the queue is empty. After a reload under load Postfix may leave a message lying until it is asked again."""
    for _ in range(tries):
        flush(gate)
        with contextlib.suppress(HarnessError):
            return wait_until(lambda: not gate.postfix.waiting_messages(), "an empty queue", seconds=5, error=HarnessError)
    raise HarnessError(f"the queue does not get empty:\n{_run(gate, 'postqueue', '-p').stdout}")


def _run(gate, program, *arguments):
    return subprocess.run([program, "-c", gate.postfix.directories["config"], *arguments], capture_output=True, text=True, timeout=60)


def run(gate, program, *arguments):
    done = _run(gate, program, *arguments)
    if done.returncode != 0:
        raise HarnessError(f"{program} {' '.join(arguments)} ended with {done.returncode}: {done.stdout + done.stderr}")


def claim_fate(outcomes, queue_id, recipient, status, **more):
    """The only outcome of this message and recipient, as the store has it and the application was told."""
    shown = outcomes.wait_for_one(queueId=queue_id, recipient=recipient, status=status)
    claim_equal({name: shown.get(name) for name in more}, more, f"the outcome of {recipient}")
    event = outcomes.receiver.wait_for(queueId=queue_id, recipient=recipient, status=status)[-1]
    claim_equal(event["eventId"], shown["eventId"], "eventId told and shown")
    return shown
