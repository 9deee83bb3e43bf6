"""What only a raw client can say: macros at every step, bytes one at a time, commands out of order."""

import socket
import struct
import threading

from daemon import SIZED, TENANTS, Failure, Milter
from milter_client import (ADDHDRS, CHGHDRS, NOBODY, NR_BODY, POSTFIX_ACTIONS, POSTFIX_STEPS, QUARANTINE, SETSYMLIST,
                           MilterError)

TENANT, TICKET, STAMP = "X-KeyBuzz-Tenant", "X-KeyBuzz-Ticket", "X-KeyBuzz-Stamp"
TO = ["<user@example.com>"]


def expect(condition, claim):
    if not condition:
        raise Failure(f"not so: {claim}")


def expect_equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found!r}, not {wanted!r}")


def connected(milter, *arguments, **options):
    client = milter.client(**options)
    client.connect(*arguments)
    return client


def expect_stamped(end, tenant):
    expect_equal(end.verdict, "continue", "the verdict")
    expect_equal([name for name, _ in end.added if name in (TENANT, STAMP)], [TENANT, STAMP], "the headers added")
    expect_equal(dict(end.added)[TENANT], tenant, "the tenant")


def expect_refused(reply, text):
    expect_equal(reply.verdict, "reply", "the verdict")
    expect(text in reply.text, f"{reply.text!r} says {text!r}")


def test_macros(binary):
    """asks for the macros it needs at each step, so that main.cf needs no edits"""
    with Milter(binary) as milter, milter.client() as client:
        expect_equal(client.actions, ADDHDRS | CHGHDRS | QUARANTINE | SETSYMLIST, "the actions")
        expect({"{daemon_port}", "{client_addr}"} <= set(client.wanted[0]), "CONNECT's")
        expect({"{mail_addr}", "{auth_authen}", "{tls_version}", "j"} <= set(client.wanted[2]), "MAIL's, with one that is always set")
        expect("{rcpt_addr}" in client.wanted[3], "RCPT's")
        expect_equal((client.wanted[5], client.wanted[6]), (["i"], ["i"]), "EOM's and EOH's")


def test_queue_id(binary):
    """reads the queue id where Postfix has one: at the end, not before"""
    with Milter(binary) as milter, connected(milter) as client:
        for queue_id in ("4jWYs717qcz8lWc", "3F2A8100B7"):
            end = client.message("<a@acme.test>", TO, [], queue_id=queue_id)
            expect_stamped(end, "acme")
            expect(f"; q={queue_id}; " in dict(end.added)[STAMP], "the stamp names it")
        expect_equal([line["queue_id"] for line in milter.decisions(2)], ["4jWYs717qcz8lWc", "3F2A8100B7"], "the decision lines")


def test_removal_order(binary):
    """deletes from the highest index to the lowest, by name, before it adds"""
    with Milter(binary) as milter, connected(milter) as client:
        for copies in range(1, 6):
            headers = [(name, f"forged {copy}") for copy in range(copies) for name in (STAMP.lower(), "X-Kept", STAMP.upper())]
            end = client.message("<a@acme.test>", TO, headers)
            expect_stamped(end, "acme")
            expect_equal(end.deleted, [(STAMP, index) for index in range(2 * copies, 0, -1)], "the deletions")
        expect_equal([line["forged_headers_removed"] for line in milter.decisions(5)], [2, 4, 6, 8, 10], "the count told")


def test_odd_names(binary):
    """counts folded, empty, blank-padded and 8-bit copies, and no name that merely looks alike"""
    with Milter(binary) as milter, connected(milter) as client:
        forged = [(STAMP, ""), (STAMP, "\n folded\n\tvalue"), (f"{STAMP} ", "blank"), (f"{STAMP}\t ", "tab"), (STAMP, b"\xe9\xff"),
                  (STAMP, "x" * 60_000)]
        alike = [(f"{STAMP}s", "x"), (STAMP[:-1], "x"), (f"X{STAMP}", "x"), (STAMP.replace("-", "_"), "x")]
        end = client.message("<a@acme.test>", TO, forged + alike)
        expect_stamped(end, "acme")
        expect_equal(end.deleted, [(STAMP, index) for index in range(6, 0, -1)], "the deletions")


def test_bytes_one_at_a_time(binary):
    """reads commands cut at every byte"""
    with Milter(binary) as milter:
        def one_by_one(data):
            for byte in data:
                client.socket.sendall(bytes([byte]))
        client = milter.client()
        client.write = one_by_one
        with client:
            client.connect()
            for _ in range(2):
                end = client.message("<a@acme.test>", TO, [("Subject", "[#T-1] hello"), (STAMP, "forged")])
                expect_stamped(end, "acme")
                expect_equal(dict(end.added)[TICKET], "T-1", "the ticket")


def test_one_write(binary):
    """reads a whole message that comes in one write"""
    with Milter(binary) as milter, connected(milter) as client:
        parts = []
        client.write, send = parts.append, client.socket.sendall
        client.reply = lambda: None
        client.mail("<a@acme.test>")
        client.rcpt(TO[0])
        client.header("Subject", "hello")
        client.macros("E", {"i": "4jW"})
        client.send("E")
        send(b"".join(parts))
        answers = []
        while not answers or len(answers) < 3 or answers[-1] != "c":
            answers.append(client.receive()[0])
        expect_equal(answers, ["c", "c", "h", "h", "c"], "the answers")


def test_stale_macros(binary):
    """takes no macro of the message before where the mail server sends none"""
    with Milter(binary) as milter, connected(milter) as client:
        expect_equal(client.mail("<a@shop.test>", **{"{auth_authen}": "shop"}).verdict, "continue", "shop's login")
        client.abort()
        reply = client.mail("<a@shop.test>")
        expect_refused(reply, "(sender_not_allowed)")
        client.abort()
        client.mail("<a@acme.test>")
        client.abort()
        client.mail("<>", **{"{mail_addr}": ""})
        client.abort()
        expect_equal([line["sender"] for line in milter.decisions(1)], ["a@shop.test"], "who was refused")


def test_out_of_order(binary):
    """survives commands in any order and recovers on the next MAIL"""
    with Milter(binary) as milter:
        for commands in ("A", "AA", "HH", "MH", "MRH", "MRLH", "MRLA", "MRM", "MRLM", "RM", "LM", "EM", "BM", "MEM", "UM", "MUR", "TM", "NM",
                         "MRLEA", "MRLEAA", "MRLEH", "MRLERA"):
            with connected(milter) as client:
                client.socket.settimeout(20)
                for command in commands:
                    data = {"M": b"<b@books.test>\0", "R": b"<x@example.com>\0", "H": b"again\0", "L": b"X-KeyBuzz-Tenant\0books\0",
                            "B": b"body", "U": b"NONSENSE\0"}.get(command, b"")
                    client.send(command, data)
                # Whatever was answered is behind us once a message of another tenant is judged by itself.
                client.abort()
                client.macros("M", {**client.values, "{mail_addr}": "a@acme.test"})
                client.send("M", b"<a@acme.test>\0")
                client.send("R", TO[0].encode() + b"\0")
                client.send("L", b"Subject\0after " + commands.encode() + b"\0")
                client.macros("E", {"i": "4jWafter"})
                client.send("E")
                added = []
                while STAMP not in added:
                    command, data = client.receive()
                    if command == "h":
                        added.append(data.split(b"\0")[0].decode())
                        if added[-1] == TENANT and data.split(b"\0")[1] == b"acme":
                            added.append("acme")
                expect("acme" in added, f"after {commands} a message is acme's")


def test_second_connection_on_a_socket(binary):
    """begins anew where the mail server uses its socket for a second client"""
    with Milter(binary) as milter, connected(milter) as client:
        expect_stamped(client.message("<a@acme.test>", TO, [], abort=False), "acme")
        client.send("K")   # libmilter ignores it where anything but the end of a message came before
        client.connect("10.9.9.9")
        expect_refused(client.mail("<a@acme.test>"), "(client_not_allowed)")


def test_garbage(binary):
    """survives packets that are no milter protocol"""
    with Milter(binary) as milter:
        for junk in (b"\0", b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\0", b"\0\0\0\1O", b"\xff\xff\xff\xffO", b"\0\0\0\5O\0\0\0\6", bytes(range(256)) * 20,
                     b"\0\0\0\15O" + b"\0" * 12, b"\0\0\0\15O" + struct.pack(">III", 6, 0, 0)):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(milter.socket)
                raw.sendall(junk)
        for command, data in (("C", b""), ("C", b"x"), ("C", b"host\0004"), ("C", b"host\0004\0\0nonsense\0"), ("C", b"host\0X\0\0x\0"),
                              ("C", b"host\0L\0\0/run/x\0"), ("H", b""), ("H", b"unterminated"), ("M", b""), ("M", b"unterminated"),
                              ("M", b"\0"), ("R", b"\0"), ("L", b"\0"), ("L", b"Name\0"), ("L", b"\0\0"), ("D", b""), ("D", b"M"), ("D", b"Mx"),
                              ("D", b"M{mail_addr}\0"), ("Z", b"?"), ("E", b"body in the end")):
            with milter.client() as client:
                client.send(command, data)
        with connected(milter) as client:
            expect_stamped(client.message("<a@acme.test>", TO, []), "acme")


def test_large(binary):
    """takes Postfix's longest headers and hundreds of forged ones, and defers what is beyond all measure"""
    with Milter(binary) as milter, connected(milter) as client:
        headers = [("X-Long", "x" * 60_000)] * 20 + [(STAMP, "y" * 60_000)] + [(TENANT, "acme")] * 500 + [("X-N", str(n)) for n in range(2000)]
        end = client.message("<a@acme.test>", TO, headers)
        expect_stamped(end, "acme")
        expect_equal(len(end.deleted), 501, "the deletions")
        expect_refused(client.message("<a@acme.test>", TO, [(STAMP, "x")] * 1001), "451 4.3.0")
        expect_refused(client.message("<a@acme.test>", TO, [("X-Long", "x" * 60_000)] * 80), "451 4.3.0")
        expect_stamped(client.message("<a@acme.test>", TO, []), "acme")


def test_replies(binary):
    """sends the words of a refusal, percent signs doubled as Sendmail and Postfix want them"""
    with Milter(binary) as milter, connected(milter) as client:
        reply = client.mail("<a@other.test>")
        expect_equal(reply.text, "554 5.7.1 Sender not allowed for this client (sender_not_allowed)", "the reply")
        client.mail("<a@acme.test>")
        expect_equal(client.rcpt("<x@half.test>").text, "554 5.7.1 50%% is not enough (rule)", "the reply")
        expect_refused(client.rcpt("<x@bad.test>"), "(recipient_not_allowed)")
        client.abort()
        expect_equal([line["reason"] for line in milter.decisions(3)], ["sender_not_allowed", "rule", "recipient_not_allowed"], "told")


def test_refused_servers(binary):
    """defers all mail of a mail server that cannot change headers, and says so"""
    with Milter(binary) as milter:
        for actions in (POSTFIX_ACTIONS & ~CHGHDRS, POSTFIX_ACTIONS & ~ADDHDRS, 0x100):
            with connected(milter, actions=actions) as client:
                expect_refused(client.mail("<a@acme.test>"), "451 4.3.0")
        expect("milter_refused" in milter.stderr(), "it is logged")


def test_holds_without_quarantine(binary):
    """defers what is to be held where the mail server cannot hold"""
    with Milter(binary) as milter, connected(milter, actions=POSTFIX_ACTIONS & ~QUARANTINE) as client:
        expect_refused(client.message("<a@acme.test>", ["<x@watched.test>"], []), "451 4.3.0")
        expect_stamped(client.message("<a@acme.test>", TO, []), "acme")


def test_old_servers(binary):
    """serves mail servers that know fewer steps"""
    with Milter(binary) as milter:
        for version, steps in ((6, 0x7F), (6, 0x3FF), (4, 0x3FF), (2, 0x7F), (6, POSTFIX_STEPS & ~NR_BODY)):
            with connected(milter, version=version, steps=steps) as client:
                end = client.message("<a@acme.test>", TO, [(STAMP, "forged")])
                expect_stamped(end, "acme")
                expect_equal(end.deleted, [(STAMP, 1)], f"version {version}, steps {steps:x}: the deletions")


def test_bodies_after_reload(binary):
    """counts bodies for connections made after sizes came into force, defers on older ones, and mixes both"""
    with Milter(binary) as milter, connected(milter) as old:
        expect(old.steps & NOBODY, "no body without limits of size")
        expect_stamped(old.message("<a@acme.test>", TO, []), "acme")
        milter.reload(SIZED)
        with connected(milter) as new:
            expect(not new.steps & NOBODY and new.steps & NR_BODY, "bodies, without replies, with them")
            for _ in range(3):
                expect_stamped(new.message("<a@acme.test>", TO, [], body="x" * 900), "acme")
                expect_refused(old.message("<a@acme.test>", TO, []), "451 4.3.0")
                expect_refused(new.message("<a@acme.test>", TO, [], body="x" * 1001), "552 5.3.4")
            new.mail("<a@acme.test>")
            new.rcpt(TO[0])
            for _ in range(4):
                new.body("x" * 65535)
            expect_refused(new.end(), "552 5.3.4")
            milter.reload(TENANTS)
            expect_stamped(old.message("<a@acme.test>", TO, []), "acme")
            expect_stamped(new.message("<a@acme.test>", TO, [], body="x" * 5000), "acme")
            with connected(milter) as newest:
                expect(newest.steps & NOBODY, "and no body again without")
                expect_stamped(newest.message("<a@acme.test>", TO, []), "acme")


def test_one_message_one_ruleset(binary):
    """judges a message by the rules in force at its MAIL, whatever is reloaded meanwhile"""
    with Milter(binary) as milter, connected(milter) as client:
        client.mail("<a@acme.test>")
        milter.reload("tenants: {other: {clients: [10.0.0.250], senders: ['@acme.test'], from: off}}\n")
        client.rcpt(TO[0])
        expect_stamped(client.end(), "acme")
        expect_stamped(client.message("<a@acme.test>", TO, []), "other")


def test_observed(binary):
    """strips and stamps an observed tenant's message and tells what would have been"""
    with Milter(binary) as milter, connected(milter) as client:
        end = client.message("<a@observed.test>", TO, [(STAMP, "forged")])
        expect_stamped(end, "observed")
        expect_equal(end.deleted, [(STAMP, 1)], "the deletions")
        line = milter.decisions(1)[0]
        expect_equal((line["action"], line["reason"], line["would"]), ("pass", "ticket_missing", "reject"), "the line")


def test_many_connections(binary):
    """serves more than 1024 connections at once"""
    with Milter(binary) as milter:
        clients = []
        try:
            for _ in range(1500):
                clients.append(connected(milter))
            expect_stamped(clients[0].message("<a@acme.test>", TO, []), "acme")
            expect_stamped(clients[-1].message("<a@acme.test>", TO, []), "acme")
        finally:
            for client in clients:
                client.socket.close()


def test_side_by_side(binary):
    """keeps messages of parallel connections apart"""
    problems = []

    def talk(tenant):
        try:
            with connected(milter) as client:
                for number in range(60):
                    ticket = f"{tenant}-{number}"
                    end = client.message(f"<a@{tenant}.test>", TO, [("Subject", f"[#{ticket}]"), (STAMP, "forged")], queue_id=ticket)
                    expect_stamped(end, tenant)
                    expect_equal(dict(end.added)[TICKET], ticket, "the ticket")
        except (Failure, MilterError, OSError) as problem:
            problems.append(problem)

    with Milter(binary) as milter:
        threads = [threading.Thread(target=talk, args=(tenant,)) for tenant in ("acme", "books") * 6]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(not problems, problems)
        expect_equal(len({line["queue_id"] for line in milter.decisions(720)}), 120, "the queue ids told")
