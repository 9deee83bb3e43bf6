"""The stamp's signature, computed a second time from the contract's words: an independent check of what the milter
signs, made on every message that any case delivers.

`v=1; k=KEYID; t=UNIX; q=QUEUEID; s=BASE64(HMAC-SHA256)` over `1`, key id, time, queue id, tenant, ticket, envelope
sender (domain in lower case, empty for null) and Message-ID, each followed by a newline."""

import base64
import hashlib
import hmac
import re

TENANT, TICKET, SIGNATURE = "X-KeyBuzz-Tenant", "X-KeyBuzz-Ticket", "X-KeyBuzz-Stamp"
FORM = re.compile(r"v=1; k=([A-Za-z0-9._-]+); t=(\d+); q=([0-9A-Za-z]+); s=([A-Za-z0-9+/]+=*)")

KEYS = {"k1": bytes(range(32)), "k0": bytes(range(32, 64))}
ACTIVE_KEY = "k1"


def keys_file_text():
    keys = ", ".join(f"{name}: {base64.b64encode(key).decode()}" for name, key in KEYS.items())
    return f"active: {ACTIVE_KEY}\nkeys: {{{keys}}}\n"


def problem(message, tenant_header=TENANT, ticket_header=TICKET, signature_header=SIGNATURE):
    """What is wrong with a delivered message's stamp, or None. A message without any stamp header is unstamped, and
    whether it may be is for the case to say; half a stamp or two of one are wrong everywhere."""
    tenants, tickets, stamps = (message.values(name) for name in (tenant_header, ticket_header, signature_header))
    if not tenants and not tickets and not stamps:
        return None
    if len(tenants) != 1 or len(tickets) > 1 or len(stamps) != 1:
        return f"{len(tenants)} tenant, {len(tickets)} ticket and {len(stamps)} signature headers"
    found = FORM.fullmatch(stamps[0])
    if not found:
        return f"the stamp has not its form: {stamps[0]!r}"
    key, time, queue_id, signature = found.groups()
    fields = ["1", key, time, queue_id, tenants[0], (tickets or [""])[0], _signed_sender(message.sender),
              (message.values("Message-ID") or [""])[0]]
    signed = "".join(field + "\n" for field in fields).encode("latin-1")
    expected = hmac.new(KEYS.get(key, b""), signed, hashlib.sha256).digest()
    if key not in KEYS or not hmac.compare_digest(base64.b64decode(signature), expected):
        return f"the stamp's signature is not over {fields}"
    return None


def _signed_sender(sender):
    local, at, domain = sender.rpartition("@")
    return local + at + domain.lower()
