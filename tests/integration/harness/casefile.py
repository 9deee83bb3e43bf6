"""Cases as text. README.md beside this folder explains the language; the first comment line is the claim.

    # refuses a client that no tenant lists, at MAIL
    config default
    client 203.0.113.7
    FROM <a@example.org>
    EXPECT 554 5.7.1 * (client_not_allowed)
    LOG    milter action=reject reason=client_not_allowed
    METRIC milter mailcore_decisions_total{action="reject",reason="client_not_allowed"} +1
    NOT DELIVERED
"""

import dataclasses
import re

SETTINGS = {"client", "login", "helo", "tls", "auth", "connect"}
STEPS = {"FROM", "TO", "HEADER", "DATA", "SEND", "SAY", "DROP", "CTL", "EXPECT", "REFUSED"}
OUTCOMES = {"LOG", "NO LOG", "METRIC", "DELIVERED", "NOT DELIVERED", "HELD"}
WITH_BLOCK = {"DATA", "SEND", "DELIVERED"}
KEYWORD = re.compile(r"(NO LOG|NOT DELIVERED|[A-Za-z]+)(?:[ \t]+(.*))?$")


class CaseSyntaxError(Exception):
    pass


@dataclasses.dataclass
class Statement:
    keyword: str
    argument: str
    line: int
    block: list = dataclasses.field(default_factory=list)   # the |-lines that follow
    lenient: bool = False                                   # part of a transaction that ends in REFUSED


@dataclasses.dataclass
class Case:
    name: str
    claim: str
    config: str = "default"
    ports: list = dataclasses.field(default_factory=lambda: ["25"])
    steps: list = dataclasses.field(default_factory=list)
    outcomes: list = dataclasses.field(default_factory=list)


def parse(path, text):
    """One case; every mistake names its place."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# "):
        raise CaseSyntaxError(f"{path}:1: the first line is the claim: '# refuses …'")
    case = Case(name=path.stem, claim=lines[0][2:].strip())
    last = None
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("|"):
            _add_to_block(last, line[1:], path, number)
        else:
            last = _add_statement(case, line, path, number)
    _mark_lenient(case.steps)
    return case


def _add_to_block(statement, line, path, number):
    if statement is None or statement.keyword not in WITH_BLOCK:
        raise CaseSyntaxError(f"{path}:{number}: a '|' line belongs below {', '.join(sorted(WITH_BLOCK))}")
    statement.block.append(line)


def _add_statement(case, line, path, number):
    found = KEYWORD.match(line.rstrip())
    keyword, argument = (found[1], found[2] or "") if found else ("", "")
    statement = Statement(keyword, argument, number)
    if keyword == "config":
        case.config = argument
    elif keyword in ("port", "ports"):
        case.ports = argument.split()
    elif keyword in SETTINGS | STEPS:
        case.steps.append(statement)
    elif keyword in OUTCOMES:
        case.outcomes.append(statement)
    else:
        raise CaseSyntaxError(f"{path}:{number}: unknown statement: {line!r}")
    return statement


def _mark_lenient(steps):
    """FROM … REFUSED: the refusal may come at any step, and what follows it in the transaction is not sent."""
    for end, statement in enumerate(steps):
        if statement.keyword != "REFUSED":
            continue
        for earlier in reversed(steps[:end]):
            earlier.lenient = True
            if earlier.keyword == "FROM":
                break


ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[nrt\\])")


def unescape(text):
    """\\xHH, \\n, \\r, \\t and \\\\ become the bytes they name; all else is UTF-8."""
    named = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}
    return ESCAPE.sub(lambda found: named.get(found[1]) or bytes([int(found[1][1:], 16)]), text.encode())


def block_bytes(block):
    """The lines of a block, each ended by CR LF."""
    return b"".join(unescape(line) + b"\r\n" for line in block)
