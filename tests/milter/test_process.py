"""The daemon as a process: its socket, its signals, its configuration."""

import os
import signal
import socket
import stat
import subprocess
import threading
import time

from daemon import TENANTS, Milter, wait_until
from milter_client import MilterError
from test_protocol import STAMP, TO, connected, expect, expect_equal, expect_stamped


def test_permissions(binary):
    """gives its socket the configured mode and group, and makes the directory as Postfix needs it"""
    with Milter(binary) as milter:
        found = os.stat(milter.socket)
        expect(stat.S_ISSOCK(found.st_mode), "it is a socket")
        expect_equal(stat.S_IMODE(found.st_mode), 0o660, "its mode")
        expect_equal(found.st_gid, os.getgid(), "its group")
    milter = Milter(binary)
    milter.listen = f"unix:{milter.folder}/below/milter.sock"
    milter.configure(TENANTS)
    with milter:
        expect_equal(stat.S_IMODE(os.stat(milter.folder / "below").st_mode), 0o2750, "the directory's mode")


def test_stale_socket(binary):
    """replaces a dead daemon's socket, and removes its own at the end"""
    with Milter(binary) as milter:
        milter.kill()
        expect(os.path.exists(milter.socket), "the killed one left its socket")
        milter.start()
        with connected(milter) as client:
            expect_stamped(client.message("<a@acme.test>", TO, []), "acme")
        milter.stop()
        expect(not os.path.exists(milter.socket), "the stopped one did not")


def test_served_socket(binary):
    """leaves alone a socket that another process serves"""
    with Milter(binary) as milter:
        done = subprocess.run([binary, "--config", milter.config], capture_output=True, text=True, timeout=60)
        expect_equal(done.returncode, 1, "the second one's exit status")
        expect("another process already serves this socket" in done.stderr, done.stderr)
        with connected(milter) as client:
            expect_stamped(client.message("<a@acme.test>", TO, []), "acme")


def test_inet(binary):
    """serves IPv4 and IPv6 addresses"""
    for host, family in (("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)):
        with socket.socket(family) as probe:
            try:
                probe.bind((host.strip("[]"), 0))
            except OSError:
                continue   # no such loopback here
            port = probe.getsockname()[1]
        with Milter(binary, listen=f"inet:{host}:{port}"):
            with socket.create_connection((host.strip("[]"), port), timeout=20) as raw:
                raw.sendall(b"\0\0\0\15O" + (6).to_bytes(4, "big") + (0x1FF).to_bytes(4, "big") + (0x1FFFFF).to_bytes(4, "big"))
                expect(raw.recv(5)[4:] == b"O", f"{host} negotiates")


def test_check(binary):
    """tells with --check what is wrong with the configuration, and starts nothing"""
    milter = Milter(binary)
    try:
        expect_equal(milter.check()[0], 0, "a good one's status")
        for listen in ("systemd", "", "unix:relative", "inet:127.0.0.1"):
            milter.listen = listen
            milter.configure(TENANTS)
            status, text = milter.check()
            expect_equal(status, 78, f"the status for {listen!r}")
            expect("mailcore.yaml:6:" in text and "milter.listen" in text, text)
        milter.listen = f"unix:{milter.socket}"
        milter.configure(TENANTS.replace("senders", "sendres", 1))
        status, text = milter.check()
        expect_equal(status, 78, "the status")
        expect("sendres" in text, text)
        expect(not os.path.exists(milter.socket), "no socket was made")
    finally:
        milter.clean_up()


def test_options(binary):
    """knows --version and --help, and refuses what it does not know"""
    for option, status in (("--version", 0), ("--help", 0), ("--nonsense", 64)):
        done = subprocess.run([binary, option], capture_output=True, text=True)
        expect_equal(done.returncode, status, f"the status of {option}")
        expect("mailcore-milter" in done.stdout + done.stderr, option)


def test_reload(binary):
    """takes a new configuration at SIGUSR1, and keeps the old one when it has errors"""
    with Milter(binary) as milter, connected(milter) as client:
        milter.reload("tenants: {new: {clients: [10.0.0.250], senders: ['@acme.test'], from: off}}\n")
        expect_stamped(client.message("<a@acme.test>", TO, []), "new")
        milter.reload("tenants: {broken: {clients: [10.0.0.300]}}\n", event=" reload_failed ")
        expect_stamped(client.message("<a@acme.test>", TO, []), "new")


def test_reload_under_load(binary):
    """answers every message by one rule set or the other while they are exchanged"""
    first = "tenants: {first: {clients: [10.0.0.250], senders: ['@acme.test'], from: off}}\n"
    second = first.replace("first", "second")
    problems, seen = [], set()
    going = threading.Event()
    going.set()

    def talk():
        try:
            with connected(milter) as client:
                while going.is_set():
                    end = client.message("<a@acme.test>", TO, [(STAMP, "forged")])
                    tenant = dict(end.added).get("X-KeyBuzz-Tenant")
                    if end.verdict != "continue" or tenant not in ("first", "second") or end.deleted != [(STAMP, 1)]:
                        problems.append((end, end.added))
                    seen.add(tenant)
        except (MilterError, OSError) as problem:
            problems.append(problem)

    with Milter(binary, first) as milter:
        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        for config in (second, first) * 5:
            milter.reload(config)
            time.sleep(0.05)
        going.clear()
        for thread in threads:
            thread.join()
        expect(not problems, problems[:3])
        expect_equal(seen, {"first", "second"}, "the tenants seen")


def test_stop_signals(binary):
    """stops at once on SIGTERM, SIGINT and SIGHUP when it has nothing to do"""
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        times = [seconds_to_stop(binary, how) for _ in range(10)]
        # libmilter's own waiting is in steps of 5 s; a busy machine may be slow now and then.
        expect(sorted(times)[4] < 4, f"it stops within 4 s on {how.name}: {times}")


def seconds_to_stop(binary, how):
    with Milter(binary) as milter, connected(milter) as client:
        expect_stamped(client.message("<a@acme.test>", TO, []), "acme")
        began = time.monotonic()
        milter.stop(how)
        return time.monotonic() - began


def test_drain(binary):
    """brings the message under way to its end on SIGTERM, defers new ones, turns new connections away"""
    with Milter(binary) as milter, connected(milter) as busy, connected(milter) as idle:
        expect_equal(busy.mail("<a@acme.test>").verdict, "continue", "MAIL")
        child = milter.child
        child.send_signal(signal.SIGTERM)
        wait_until(lambda: " stopping" in milter.stderr() and not os.path.exists(milter.socket), "the draining")
        expect_equal(idle.mail("<a@acme.test>").verdict, "tempfail", "a new message")
        time.sleep(0.5)
        expect_equal(busy.rcpt(TO[0]).verdict, "continue", "RCPT")
        busy.header(STAMP, "forged")
        end = busy.end()
        expect_stamped(end, "acme")
        expect_equal(child.wait(30), 0, "the exit status")
        milter.child = None
        expect_equal(len(milter.decisions(1)), 1, "the decision line is written")


def test_stop_with_a_silent_client(binary):
    """stops within seconds even if a message never comes to its end"""
    with Milter(binary) as milter, connected(milter) as client:
        expect_equal(client.mail("<a@acme.test>").verdict, "continue", "MAIL")
        began = time.monotonic()
        milter.stop()
        expect(4 < time.monotonic() - began < 25, f"it took {time.monotonic() - began:.1f} s")


def test_stop_under_load(binary):
    """loses no decision and leaves no message half done when it stops under load"""
    counts = []

    def talk():
        finished = 0
        try:
            with connected(milter) as client:
                while client.message("<a@acme.test>", TO, []).verdict == "continue":
                    finished += 1
        except (MilterError, OSError):
            pass
        counts.append(finished)

    with Milter(binary) as milter:
        threads = [threading.Thread(target=talk) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        milter.stop()
        for thread in threads:
            thread.join()
        expect(sum(counts) > 0, "messages were under way")
        expect_equal(len(milter.decisions(sum(counts))), sum(counts), "a line for each")


def test_kill(binary):
    """comes back after SIGKILL with nothing to mend"""
    with Milter(binary) as milter:
        for _ in range(3):
            client = connected(milter)
            client.mail("<a@acme.test>")
            milter.kill()
            client.socket.close()
            milter.start()
            with connected(milter) as client:
                expect_stamped(client.message("<a@acme.test>", TO, []), "acme")
