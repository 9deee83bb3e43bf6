"""The harness tested by itself, without Postfix and daemons: that it reads rightly, and above all that a case which
must fail does fail. `python3 -m unittest harness.test_harness` in tests/integration."""

import contextlib
import pathlib
import subprocess
import tempfile
import time
import unittest
import unittest.mock

from . import casefile, decisions, expectations, headers, metrics, patterns, smtp, stamp, transcript, wiring
from .certificates import Certificate
from .decisions import DecisionLog
from .player import Player, parse_log, parse_metric
from .processes import guardian
from .redis import PrivateRedis
from .sink import Delivered, Sink
from .smtp import SmtpClient
from .suite import Entry, Suite
from .tally import Tally
from .waiting import CaseFailure, HarnessError, ends_within, wait_until

LINE = ('{"time":"2026-11-21T01:00:00.123Z","daemon":"milter","queue_id":"4jW","instance":"","message_id":"<1@x>",'
        '"tenant":"kbz_test","ticket":"","client":"10.0.0.250","login":"","sender":"a@b","recipients":1,"size":1,'
        '"action":"%s","reason":"%s","rule":"","would":"","forged_headers_removed":%d,"micros":38}\n')
# The stamp of test_a_genuine_stamp_…, computed by `openssl dgst -sha256 -mac HMAC` from the contract's words.
GENUINE = b"ZkLZwwU2LfogzhdudwAQpNpFlUjkyXNn5PlyneJhnLs="


class FakeQueue:
    """A Postfix whose queue is always empty: the sink itself plays the server."""

    def __init__(self):
        self.held = []

    def wait_until_idle(self):
        pass

    def held_messages(self):
        return self.held

    def delete_all(self):
        self.held = []


class CountingDaemon:
    def __init__(self):
        self.text = "mailcore_forged_headers_removed_total 0\n"
        self.ended = False

    def metrics(self):
        return metrics.parse(self.text)

    def check_health(self):
        if self.ended:
            raise CaseFailure("it ended")

    def complaint(self):
        return None


class SinkGate:
    """A gate whose SMTP server is the sink, which takes everything: whatever a case forbids, it sees happen."""

    def __init__(self, sink, folder):
        self.sink, self.postfix = sink, FakeQueue()
        self.decisions = DecisionLog(pathlib.Path(folder) / "decisions.jsonl")
        self.milter = CountingDaemon()
        self.daemons = {"milter": self.milter}

    def connect(self, service="25", client=None, login=None, certificate=None, helo="client.test"):
        connection = SmtpClient("127.0.0.1", self.sink.port)
        connection.introduce(name=helo)
        return connection

    def use_config(self, _):
        pass

    def stop_daemons(self):
        pass

    def abandon_daemons(self):
        pass

    def mark_logs(self):
        pass

    def report(self):
        return ""

    def ctl(self, *arguments):
        """Succeeds, unless it is asked to fail."""
        failed = arguments[0] == "false"
        return subprocess.CompletedProcess(arguments, int(failed), "", "no such tenant" if failed else "")


class CasesMustFail(unittest.TestCase):
    """A judge that never says no proves nothing."""

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.stack.enter_context(unittest.mock.patch.object(expectations, "SETTLE_SECONDS", 0.05))
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.gate = SinkGate(self.stack.enter_context(Sink()), folder)

    def play(self, text, meanwhile=None):
        case = casefile.parse(pathlib.Path("999-test.case"), "# is a test\n" + text)
        player = Player(self.gate, case, "25")
        if meanwhile:
            played = player._disconnect
            player._disconnect = lambda: (played(), meanwhile())
        player.play()

    def assert_fails(self, text, words, meanwhile=None):
        with self.assertRaisesRegex(CaseFailure, words):
            self.play(text, meanwhile)

    def write_line(self, action="pass", reason="ok", forged=0):
        with open(self.gate.decisions.path, "a") as log:
            log.write(LINE % (action, reason, forged))

    ACCEPTED = "FROM <a@b.test>\nTO <x@y.test>\nDATA\nEXPECT 250 *\n"
    NAMED = ACCEPTED + "DELIVERED <x@y.test>\n"

    def test_a_case_that_holds_passes(self):
        self.play(self.NAMED + "|From: a@b.test\n|no X-KeyBuzz-Tenant\n|unstamped\n|body Hello.\n|sender <a@b.test>\n")

    def test_an_operators_command_that_fails(self):
        self.play("CTL limits reset 'a b'\n" + self.NAMED)
        self.assert_fails("CTL false\n", "line 2, CTL: mailcorectl ended with 1: no such tenant")

    def test_an_accepted_message_that_should_be_refused(self):
        self.assert_fails("FROM <a@b.test>\nTO <x@y.test>\nREFUSED 554 *\n", "but the message was accepted")

    def test_a_reply_that_differs(self):
        self.assert_fails("FROM <a@b.test>\nEXPECT 554 *\n", r"line 3, EXPECT: expected 554 \*\n +got +250")

    def test_a_step_that_should_succeed(self):
        self.assert_fails("SAY NONSENSE\nFROM <a@b.test>\n", "expected success, got 502")

    def test_a_last_step_that_should_succeed(self):
        self.assert_fails("SAY NONSENSE\n", "expected success, got 502")

    def test_a_delivery_that_should_not_be(self):
        self.assert_fails(self.ACCEPTED + "NOT DELIVERED\n", "delivered from <a@b.test>")

    def test_a_delivery_that_nobody_expects(self):
        self.assert_fails(self.ACCEPTED, "nobody expected the delivery")

    def test_a_delivery_that_is_missing(self):
        self.assert_fails("FROM <a@b.test>\nDELIVERED <x@y.test>\n", "0 messages were delivered to x@y.test")

    def test_a_header_that_is_missing_surplus_or_other(self):
        self.assert_fails(self.NAMED + "|X-KeyBuzz-Tenant: kbz_test\n", "0 headers X-KeyBuzz-Tenant, not 1")
        self.assert_fails(self.NAMED + "|no From\n", "1 headers From, not 0")
        self.assert_fails(self.NAMED + "|2 From\n", "1 headers From, not 2")
        self.assert_fails(self.NAMED + "|From: other@b.test\n", "From is 'a@b.test'")
        self.assert_fails(self.NAMED + "|stamped\n", "the message is not stamped")
        self.assert_fails(self.NAMED + "|sender <>\n", "the sender is")
        self.assert_fails(self.NAMED + "|body Goodbye\n", "the body lacks")

    def test_a_forged_stamp_that_is_delivered(self):
        self.assert_fails("HEADER X-KeyBuzz-Stamp: forged\n" + self.NAMED, "0 tenant, 0 ticket and 1 signature headers")
        forged = "HEADER X-KeyBuzz-Tenant : t\nHEADER X-KeyBuzz-Stamp: v=1; k=k1; t=1; q=Q; s=AAAA\n"
        self.assert_fails(forged + self.NAMED, "signature is not over")

    def test_a_decision_line_that_is_missing(self):
        self.assert_fails(self.NAMED + "LOG milter action=reject\n", "a decision line milter")

    def test_a_decision_line_that_should_not_be(self):
        self.assert_fails(self.NAMED + "NO LOG action=reject\n", "unexpected decision line",
                          meanwhile=lambda: self.write_line("reject"))

    def test_a_counter_that_did_not_move(self):
        self.assert_fails(self.NAMED + "METRIC milter mailcore_forged_headers_removed_total +1\n", "it moved by 0")

    def test_a_counter_that_disagrees_with_the_log(self):
        self.assert_fails(self.NAMED, "to agree with its decision lines", meanwhile=self.write_line)

    def test_held_messages(self):
        self.assert_fails(self.NAMED + "HELD 1\n", "0 messages are held, not 1")
        self.gate.postfix.held = ["4jW"]
        self.assert_fails(self.NAMED, "nobody expected held messages")

    def test_a_daemon_that_ended(self):
        self.gate.milter.ended = True
        self.assert_fails(self.NAMED, "it ended")

    def test_the_suite_counts_failures_and_goes_on(self):
        said = []
        tally = Tally(said.append)
        suite = Suite(self.gate, tally)

        def fail(_):
            raise CaseFailure("no")
        config = pathlib.Path("default.yaml")
        suite.run([Entry("001-a", "fails", config, fail), Entry("002-b", "breaks", config, lambda _: 1 / 0),
                   Entry("003-c", "holds", config, lambda _: None)])
        self.assertFalse(tally.finish())
        self.assertRegex("\n".join(said), r"(?s)FAIL 001 fails.*FAIL 002 breaks.*ZeroDivisionError.*ok   003 holds")
        self.assertEqual(said[-1], "1 passed, 2 failed")
        self.assertIn("failed: 002 breaks", said[-5:])

    def test_the_suite_gives_up_after_many_failures_in_a_row_and_counts_the_rest(self):
        def fail(_):
            raise CaseFailure("no")
        tally = Tally(lambda _: None)
        Suite(self.gate, tally).run([Entry(f"{number:03}-a", "fails", pathlib.Path("default.yaml"), fail) for number in range(50)])
        self.assertEqual((tally.passed, tally.failed), (0, 50))

    def test_what_hangs_fails_with_its_place(self):
        with self.assertRaisesRegex(CaseFailure, "the case did not end within 0.05 s"):
            with ends_within(0.05, "the case"):
                time.sleep(30)

    def test_a_quiet_tally_names_only_what_fails_and_at_the_end_once_more(self):
        said = []
        tally = Tally(said.append, quiet=True)
        tally.passes("holds")
        tally.fails("does not", "story.py:7: claim(it)\nbecause\nand a long log")
        self.assertFalse(tally.finish())
        self.assertEqual(said, ["FAIL does not", "     story.py:7: claim(it)", "     because", "     and a long log",
                                "failed: does not", "     story.py:7: claim(it)", "     because", "1 passed, 1 failed"])


class CaseFiles(unittest.TestCase):
    def test_a_case_is_read(self):
        text = ("# refuses x\nconfig other\nports 25 587\nclient 10.0.0.1\nFROM <a@b>\nDATA\n|a: \\xff\\r\n|\n"
                "NO LOG action=pass\n")
        case = casefile.parse(pathlib.Path("010-x.case"), text)
        self.assertEqual((case.name, case.claim), ("010-x", "refuses x"))
        self.assertEqual((case.config, case.ports), ("other", ["25", "587"]))
        self.assertEqual([step.keyword for step in case.steps], ["client", "FROM", "DATA"])
        self.assertEqual(casefile.block_bytes(case.steps[2].block), b"a: \xff\r\r\n\r\n")
        self.assertEqual(case.outcomes[0].keyword, "NO LOG")

    def test_mistakes_name_their_place(self):
        for text, words in (("client 1\n", "1: the first line"), ("# x\nFORM <a>\n", "2: unknown statement"),
                            ("# x\nFROM <a>\n|b\n", "3: a '|' line")):
            with self.assertRaisesRegex(casefile.CaseSyntaxError, words):
                casefile.parse(pathlib.Path("x.case"), text)

    def test_a_transaction_that_ends_in_refused_is_lenient(self):
        text = "# x\nFROM <a>\nTO <b>\nEXPECT 250 *\nFROM <c>\nTO <d>\nREFUSED 5*\n"
        case = casefile.parse(pathlib.Path("x.case"), text)
        self.assertEqual([step.lenient for step in case.steps], [False, False, False, True, True, False])

    def test_expectations_are_read(self):
        self.assertEqual(parse_log('milter action=pass "detail=a b" sender='),
                         ("milter", {"action": "pass", "detail": "a b", "sender": ""}))
        expected = ("policy", "x_total", frozenset({("a", "b c")}), 2)
        self.assertEqual(parse_metric('policy x_total{a="b c"} +2'), expected)
        self.assertEqual(parse_metric("x_total -1"), (None, "x_total", frozenset(), -1))


class Readers(unittest.TestCase):
    def test_metrics_are_parsed_and_summed(self):
        samples = metrics.parse('# HELP a b\n# TYPE a counter\na{x="1",y="q\\"\\\\"} 2\na{x="2"} 3\nb 1e3\n')
        self.assertEqual(metrics.total(samples, "a"), 5)
        self.assertEqual(metrics.total(samples, "a", frozenset({("y", 'q"\\')})), 2)
        self.assertEqual(metrics.total(samples, "b"), 1000)
        self.assertEqual(metrics.total(samples, "c"), 0)
        with self.assertRaises(ValueError):
            metrics.parse("not a sample\n")

    def test_decision_lines_are_checked_and_matched(self):
        line = decisions.parse(LINE % ("reject", "sender_not_allowed", 2))
        expected = {"action": "reject", "reason": "sender_*", "forged_headers_removed": "2"}
        self.assertTrue(decisions.matches(line, expected))
        self.assertFalse(decisions.matches(line, {"tenant": ""}))
        with self.assertRaises(ValueError):
            decisions.parse('{"daemon":"milter","action":"pass"}')
        with self.assertRaises(ValueError):
            decisions.parse(LINE % ("maybe", "ok", 0))

    def test_headers_are_read_as_a_receiver_may(self):
        raw = b"X-A : 1\r\nx-a:2\r\nSubject: one\r\n\ttwo\r\n\r\nX-A: body\r\n"
        self.assertEqual(headers.header_fields(raw), [("X-A", "1"), ("x-a", "2"), ("Subject", "one\ttwo")])

    def test_patterns_take_only_the_star(self):
        self.assertTrue(patterns.matches("554 5.7.1 [a] (b)?", "554 * (b)?"))
        self.assertFalse(patterns.matches("554", "5[5]4"))
        self.assertFalse(patterns.matches("554 x", "554"))

    def test_a_genuine_stamp_and_an_altered_one(self):
        raw = (b"Message-ID: <1@x>\r\nX-KeyBuzz-Tenant: t\r\nX-KeyBuzz-Ticket: T-1\r\n"
               b"X-KeyBuzz-Stamp: v=1; k=k1; t=1; q=Q; s=GENUINE\r\n\r\n")
        message = Delivered("a@X.Test", ["b@y"], raw.replace(b"GENUINE", GENUINE))
        self.assertIsNone(stamp.problem(message))
        message.raw = message.raw.replace(b"T-1", b"T-2")
        self.assertIn("not over", stamp.problem(message))
        message.raw = message.raw.replace(b"X-KeyBuzz-Tenant: t\r\n", b"")
        self.assertIn("0 tenant", stamp.problem(message))

    def test_a_wait_ends(self):
        with self.assertRaisesRegex(CaseFailure, "in vain for the moon"):
            wait_until(lambda: False, "the moon", seconds=0.01)


class Speaking(unittest.TestCase):
    def test_only_dots_after_cr_lf_are_stuffed(self):
        self.assertEqual(smtp.stuffed(b".a\r\n.b\n.c"), b"..a\r\n..b\n.c\r\n")

    def test_xclient_attributes(self):
        self.assertEqual(smtp.xclient_attributes("fd00::1", "kbz", {}),
                         "ADDR=IPV6:fd00::1 NAME=[UNAVAILABLE] LOGIN=kbz")
        self.assertEqual(smtp.xclient_attributes(None, None, {}), "")

    def test_the_sink_keeps_what_it_is_sent(self):
        with Sink() as sink, SmtpClient("127.0.0.1", sink.port) as client:
            client.introduce()
            message = b"A: \xff\r\n\r\n..\r\n.x\nbare\r\n"
            self.assertTrue(client.send_mail("a@b", ["c@d", "e@f"], message, " SIZE=5").is_success)
            kept = sink.wait_for("e@f")
        self.assertEqual((kept.sender, kept.recipients, kept.raw), ("a@b", ["c@d", "e@f"], message))


class SurroundingServers(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        guardian.dismiss()

    def test_it_answers_forgets_and_comes_back_on_its_port(self):
        with tempfile.TemporaryDirectory() as folder, PrivateRedis(pathlib.Path(folder) / "redis") as redis:
            self.assertEqual(redis.call("RPUSH", "list", "a", "é b"), 2)
            self.assertEqual(redis.call("LRANGE", "list", 0, -1), ["a", "é b"])
            self.assertIsNone(redis.call("GET", "nothing"))
            with self.assertRaisesRegex(HarnessError, "WRONGTYPE"):
                redis.call("GET", "list")
            address = redis.address
            redis.kill()
            redis.start()
            self.assertEqual((redis.address, redis.call("KEYS", "*")), (address, []))
            redis.pause()

    def test_a_redis_with_tls_and_a_password(self):
        with tempfile.TemporaryDirectory() as folder:
            redis = PrivateRedis(pathlib.Path(folder) / "redis")
            redis.start(Certificate(folder, "redis", "127.0.0.1"), "open sesame")
            self.addCleanup(redis.stop)
            self.assertEqual((redis.call("SET", "a", "b"), redis.address[:9]), ("OK", "rediss://"))
            redis.password = "wrong"
            with self.assertRaisesRegex(HarnessError, "WRONGPASS"):
                redis.call("GET", "a")
            redis.stop()

    def test_the_sink_sends_away(self):
        with Sink() as sink, SmtpClient("127.0.0.1", sink.port) as client:
            client.introduce()
            with sink.away():
                self.assertEqual(client.send_mail("a@b", ["c@d"], b"x").code, 451)
            self.assertTrue(client.send_mail("a@b", ["c@d"], b"x").is_success)
            self.assertEqual((sink.turned_away, len(sink.all())), (1, 1))


class Wiring(unittest.TestCase):
    def test_services_are_unchrooted_and_moved(self):
        text = wiring.master_cf("smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n  -o x=y\n",
                                {"25": ["127.0.0.1:2525"]})
        self.assertNotIn("smtp inet", text)
        self.assertIn("cleanup unix n - n - 0 cleanup\n  -o x=y\n127.0.0.1:2525 inet n - n - - smtpd", text)

    def test_settings_and_options_are_read_as_postfix_reads_them(self):
        settings = wiring.settings_of("# c\na = 1,\n    { b = 2 }\n\n# d\n  , 3\nempty =\n")
        self.assertEqual(settings, {"a": "1, { b = 2 } , 3", "empty": ""})
        master = ("# smtp inet\nsubmission inet n - y - - smtpd\n  -o a=b\n# c\n  -o { d = e, f }\n"
                  "other unix n - n - - x\n")
        self.assertEqual(wiring.options_of(master, "submission"), ["a=b", "{ d = e, f }"])

    def test_the_projects_fragments_are_used(self):
        directories = {name: pathlib.Path("/x") / name for name in ("queue", "config", "data", "log")}
        settings = wiring.settings_of(wiring.main_cf(directories, 25))
        self.assertIn("unix:mailcore/policy.sock", settings["smtpd_relay_restrictions"])
        self.assertIn("unix:mailcore/milter.sock", settings["non_smtpd_milters"])
        self.assertEqual(settings["relayhost"], "[127.0.0.1]:25")
        self.assertIn("unix:mailcore/policy.sock", " ".join(wiring.service_options("policy-alone")))


class Shown(unittest.TestCase):
    def test_a_transcript_has_80_columns_and_no_colour_in_a_file(self):
        with tempfile.TemporaryFile("w+") as output:
            show = transcript.Transcript(output)
            show.block("word " * 60, "S: ", "bold")
            show.verdict(False, "word " * 60)
            output.seek(0)
            lines = output.read().splitlines()
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertNotIn("\033", "".join(lines))


if __name__ == "__main__":
    unittest.main()
