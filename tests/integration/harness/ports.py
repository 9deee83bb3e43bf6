"""Free ports on the loopback, and whether this machine has an IPv6 one."""

import random
import socket

BELOW_EPHEMERAL = range(12000, 32000)   # the kernel takes source ports of outgoing connections from above


def free_ports(count):
    """Random, so that several runs on one machine do not meet; each is tried before it is given."""
    candidates = random.sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL))
    free = (port for port in candidates if _is_free(port))
    return [next(free) for _ in range(count)]


_claims = []   # of this process, for as long as it lives


def _is_free(port):
    """Neither bound nor given by another run beside this one, which may not have bound it yet."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0mailcore-tests-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def has_ipv6_loopback():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def accepts_connections(family, address):
    try:
        with socket.socket(family) as probe:
            probe.settimeout(5)
            probe.connect(address)
        return True
    except OSError:
        return False
