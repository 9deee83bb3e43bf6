"""The stand's own claims: above all that the search for secrets finds what it looks for."""

import base64
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from stand import bodies, program, secrecy, secrets     # noqa: E402
from stand.stub_vault import StubVault                  # noqa: E402
from stand.suite import find_stories                    # noqa: E402


class Secrecy(unittest.TestCase):
    def test_finds_a_secret_as_it_is_in_base64_and_in_auth_plain(self):
        secret = secrets.new("mail")
        for before in ("", "a", "ab", "\0app\0", "app:"):
            text = base64.b64encode((before + secret).encode())
            self.assertIsNotNone(secrecy.first_leak(b"x " + text + b" y"), before)
        self.assertIsNotNone(secrecy.first_leak(b"password=" + secret.encode()))

    def test_finds_what_was_remembered_and_vault_tokens(self):
        secrets.remember("0b5d5e9e-made-up-for-this-test")
        self.assertIsNotNone(secrecy.first_leak(base64.b64encode(b"id=0b5d5e9e-made-up-for-this-test")))
        self.assertIsNotNone(secrecy.first_leak(b"token hvs.CAESIJ0123456789abcdefghijkl"))

    def test_finds_nothing_in_ordinary_text(self):
        text = b"vault-sync: relay primary: fingerprint 1f2e3d4c, [localhost]:587, user app " * 1000
        self.assertIsNone(secrecy.first_leak(text))

    def test_names_a_leak_without_showing_it(self):
        secret = secrets.new("mail")
        self.assertNotIn(secret, secrecy.first_leak(secret.encode()))

    def test_searches_files_but_not_those_that_may_hold_secrets(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("log/run.txt", "mailcore/generations/0001/sasl_passwd", "given/secret-id",
                         "mailcore/generations/0001/sasl_passwd.db", "mailcore/state/state.json"):
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(secrets.new())
            found = [line.partition(": ")[0].removeprefix(folder + "/") for line in secrecy.search(folder)]
            self.assertEqual(found, ["log/run.txt", "mailcore/state/state.json"])

    def test_takes_tokens_of_other_runs_for_what_they_are(self):
        token = {"VAULT_TOKEN": "hvs.CAESIJ0123456789abcdefghijkl"}
        ours = subprocess.Popen(["/bin/sleep", "32"], env=token)
        try:
            lookout = secrecy.Lookout()
            with mock.patch.object(secrecy, "_descends_from_us", lambda pid: False):
                lookout.look()
            self.assertEqual(lookout.leaks, {})
            lookout.look()
            self.assertEqual(list(lookout.leaks), [("/bin/sleep", "environ")])
        finally:
            ours.kill()
            ours.wait()

    def test_sees_argv_and_environment_of_processes_but_not_what_a_story_gave(self):
        secret = secrets.new()
        sleep = ["/bin/sleep", "30"]
        in_argv = subprocess.Popen(["/bin/sh", "-c", "read nothing", secret], stdin=subprocess.PIPE)
        try:
            with secrecy.Lookout() as lookout:
                with secrecy.starting:
                    given = subprocess.Popen(["/bin/sleep", "31"], env={"SMTP_PASSWORD": secret})
                    time.sleep(5 * secrecy.PAUSE_SECONDS)      # and is looked at before it is known what it was given
                    secrecy.expect_environment_of(given.pid, {"SMTP_PASSWORD": secret})
                in_environment = subprocess.Popen(sleep, env={"LEAK": secret})
                end = time.monotonic() + 10
                while len(lookout.leaks) < 2 and time.monotonic() < end:
                    time.sleep(0.01)
            self.assertEqual(sorted(lookout.leaks), [("/bin/sh", "cmdline"), ("/bin/sleep", "environ")])
            self.assertIn(f"/proc/{in_environment.pid}/environ", lookout.leaks["/bin/sleep", "environ"])
        finally:
            for child in (in_argv, in_environment, given):
                child.kill()
                child.wait()
            in_argv.stdin.close()

    def test_sees_the_environment_that_a_child_inherits_once_it_is_a_program_of_its_own(self):
        secret = secrets.new()
        for script, leaks in (("( read nothing; : ); :", []), ("/bin/cat; :", [("/bin/cat", "environ")])):
            given = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, env={"SMTP_PASSWORD": secret})
            secrecy.expect_environment_of(given.pid, {"SMTP_PASSWORD": secret})
            try:
                lookout = secrecy.Lookout()
                time.sleep(0.2)
                for _ in range(20):
                    lookout.look()
                self.assertEqual(list(lookout.leaks), leaks)
                self.assertGreater(len(children_of(given.pid)), 0)
            finally:
                given.stdin.close()
                given.wait()


def children_of(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Stub(unittest.TestCase):
    def test_its_bodies_are_there_for_every_ordinary_answer(self):
        for name in ("login", "health", "invalid-token", "mount", "lookup-self", "never-written", "secret"):
            self.assertIn(name, bodies.load())

    def test_puts_values_into_captured_bodies(self):
        answer = StubVault.body("secret", data__data={"host": "h"}, data__metadata__version=7)
        self.assertEqual((answer.status, answer.body["data"]["metadata"]["version"]), (200, 7))
        self.assertNotEqual(bodies.load()["secret"]["body"]["data"]["metadata"]["version"], 7)


class Program(unittest.TestCase):
    """Which Vault, where our own cannot be built."""

    def find(self, build_script, installed=None):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(program, "VAULT_SERVER", pathlib.Path(folder)), \
                mock.patch.object(program.shutil, "which", lambda name: installed if name == "bao" else None):
            script = pathlib.Path(folder) / "build.sh"
            script.write_text("#!/bin/sh\n" + build_script)
            script.chmod(0o755)
            return program.find_vault()

    def test_ours_where_it_builds(self):
        self.assertEqual(self.find("echo /built/vault-server", "/usr/bin/bao"), pathlib.Path("/built/vault-server"))

    def test_an_installed_one_where_there_is_no_go(self):
        self.assertEqual(self.find("exit 77", "/usr/bin/bao"), pathlib.Path("/usr/bin/bao"))

    def test_none_where_nothing_is_there(self):
        with self.assertRaises(program.NoVault) as caught:
            self.find("exit 77")
        self.assertFalse(caught.exception.is_avoidable)

    def test_what_should_build_and_does_not_is_avoidable(self):
        with self.assertRaises(program.NoVault) as caught:
            self.find("echo main.go:1: broken >&2; exit 1")
        self.assertTrue(caught.exception.is_avoidable)
        self.assertIn("main.go:1: broken", str(caught.exception))


class Stories(unittest.TestCase):
    def test_each_claims_and_proves(self):
        for story in find_stories(pathlib.Path(__file__).resolve().parents[1] / "stories"):
            self.assertTrue(story.claim, story.name)
            self.assertTrue(hasattr(story.module, "run") != hasattr(story.module, "parts"), story.name)


if __name__ == "__main__":
    os.environ.pop("MAILCORE_CAPTURE_BODIES", None)
    unittest.main()
