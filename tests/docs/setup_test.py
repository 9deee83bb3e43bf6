#!/usr/bin/env python3
"""mailcorectl setup on private copies of Debian's Postfix configuration, with the real postconf and postfix check.

Shown, applied, applied again, taken back: each time Postfix is asked what it has."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import project

DEBIAN_MAIN_CF = """\
# A comment that must survive.
smtpd_banner = $myhostname ESMTP
compatibility_level = 3.6
smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_security_level=may

smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated
    defer_unauth_destination
myhostname = relay.test
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
smtpd_milters = inet:127.0.0.1:12301
mailbox_size_limit = 0
"""
DEBIAN_SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
# a comment within the service
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
"""
POLICY = ("check_policy_service { unix:mailcore/policy.sock, timeout=5s, "
          "{ default_action = 451 4.3.5 Mail gate not available, try again later } }")
MILTER = ("{ unix:mailcore/milter.sock, connect_timeout=3s, command_timeout=5s, content_timeout=15s, "
          "default_action=tempfail }")


class SetupTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-setup-"))
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("postfix", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        self.folder.chmod(0o755)
        self.config = self.folder / "postfix"
        (self.config / "main.cf").write_text(
            f"queue_directory = {self.folder}/queue\ndata_directory = {self.folder}/data\n{DEBIAN_MAIN_CF}")
        master = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text()
        (self.config / "master.cf").write_text(master + DEBIAN_SUBMISSION)
        shutil.copy("/etc/postfix/postfix-files", self.config)
        self.tenants("one: {clients: [10.0.0.0/24, '!10.0.0.66'], senders: ['@one.test'], size: 30MiB}",
                     "two: {clients: [10.0.0.66, '[2001:db8::]/32'], logins: [two], senders: ['@two.test']}")

    def tenants(self, *lines):
        text = f"policy: {{listen: 'unix:{self.folder}/queue/mailcore/policy.sock'}}\n"
        text += f"milter: {{listen: 'unix:{self.folder}/queue/mailcore/milter.sock'}}\n"
        text += "stamp: {keys_file: ''}\ntenants:\n" + "".join(f"  {line}\n" for line in lines)
        (self.folder / "mailcore.yaml").write_text(text)

    def run_setup(self, *options, status=0, config=None):
        done = subprocess.run([project.program("mailcorectl"), "--config", self.folder / "mailcore.yaml", "setup",
                               "--postfix-config", config or self.config, *options], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def postconf(self, *arguments):
        done = subprocess.run(["postconf", "-c", self.config, *arguments], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def value(self, name):
        return self.postconf("-h", name).strip()

    def override(self, name):
        return self.postconf("-Phx", name).strip()

    def both_files(self):
        return {name: (self.config / name).read_bytes() for name in ("main.cf", "master.cf")}

    # --- claims

    def test_shows_commands_that_do_what_apply_does(self):
        before = self.both_files()
        shown = self.run_setup().stdout
        self.assertEqual(self.both_files(), before, "showing must change nothing")
        self.assertNotIn("\033", shown)
        self.assertLessEqual(max(len(line) for line in shown.splitlines()
                                 if str(self.folder) not in line), 80)
        script = re.sub(r"(?m)^postfix check.*\n", "", shown)
        subprocess.run(["sh", "-e", "-c", script], check=True, capture_output=True)
        by_hand = self.postconf("-n"), self.postconf("-M")
        for name, text in before.items():
            (self.config / name).write_bytes(text)
        self.run_setup("--apply")
        self.assertEqual((self.postconf("-n"), self.postconf("-M")), by_hand)

    def test_applies_the_wiring(self):
        applied = self.run_setup("--apply")
        self.assertIn(f"Now: postfix -c {self.config} reload", applied.stdout)
        self.assertIn("does not serve", applied.stderr)
        self.assertEqual(self.value("mynetworks"), "10.0.0.0/24, [2001:db8::]/32")
        self.assertEqual(self.value("smtpd_relay_restrictions"),
                         f"{POLICY}, permit_mynetworks, permit_sasl_authenticated, reject")
        self.assertEqual(self.value("smtpd_data_restrictions"), POLICY)
        self.assertEqual(self.value("smtpd_milters"), f"{MILTER}, inet:127.0.0.1:12301")
        self.assertEqual(self.value("non_smtpd_milters"), MILTER)
        for name, value in {"smtpd_forbid_bare_newline": "normalize", "smtpd_forbid_bare_newline_exclusions": "",
                            "allow_percent_hack": "no", "swap_bangpath": "no", "local_header_rewrite_clients": "",
                            "enable_long_queue_ids": "yes"}.items():
            self.assertEqual(self.value(name), value, name)
        self.assertGreaterEqual(int(self.value("message_size_limit")), 30 << 20)
        relay = " ".join(self.override("submission/inet/smtpd_relay_restrictions").replace(",", ", ").split())
        self.assertTrue(relay.startswith("check_policy_service { unix:mailcore/policy.sock"), relay)
        self.assertTrue(relay.endswith("permit_sasl_authenticated, reject"), relay)
        self.assertNotIn("permit_mynetworks", relay)
        self.assertIn("# A comment that must survive.", (self.config / "main.cf").read_text())

    def test_applies_once(self):
        self.run_setup("--apply")
        after, backups = self.both_files(), list(self.config.glob("mailcore-backup-*"))
        self.assertIn("Nothing to change", self.run_setup("--apply").stdout)
        self.assertIn("Nothing to change", self.run_setup().stdout)
        self.assertEqual(self.both_files(), after)
        self.assertEqual(list(self.config.glob("mailcore-backup-*")), backups)

    def test_takes_back_byte_for_byte(self):
        before = self.both_files()
        self.run_setup("--apply")
        self.tenants("one: {clients: [10.9.0.0/16], senders: ['@one.test']}")
        self.run_setup("--apply")
        self.assertEqual(self.value("mynetworks"), "10.9.0.0/16")
        self.assertIn("byte for byte", self.run_setup("--undo").stdout)
        self.assertEqual(self.both_files(), before)
        self.assertFalse((self.config / "mailcore-setup.json").exists())
        self.assertIn("Nothing to take back", self.run_setup("--undo").stdout)

    def test_takes_back_its_own_changes_alone(self):
        before = self.postconf("-n"), self.postconf("-M")
        self.run_setup("--apply")
        self.postconf("-e", "default_process_limit = 77")
        self.run_setup("--undo")
        self.assertEqual(self.value("default_process_limit"), "77")
        self.postconf("-X", "default_process_limit")
        self.assertEqual((self.postconf("-n"), self.postconf("-M")), before)

    def test_takes_out_a_service_that_it_added(self):
        text = (self.config / "master.cf").read_text().replace(DEBIAN_SUBMISSION, "")
        (self.config / "master.cf").write_text(text)
        before = self.postconf("-M")
        self.assertIn("needs somebody who checks passwords", " ".join(self.run_setup("--apply").stdout.split()))
        self.assertIn("smtpd_sasl_auth_enable=yes", self.postconf("-M", "submission/inet"))
        self.postconf("-e", "default_process_limit = 77")
        self.run_setup("--undo")
        self.assertEqual(self.postconf("-M"), before)

    def test_refuses_to_take_back_what_somebody_changed(self):
        self.run_setup("--apply")
        self.postconf("-e", "mynetworks = 192.0.2.0/24")
        after = self.both_files()
        refused = self.run_setup("--undo", status=1)
        self.assertIn("main.cf: mynetworks is no longer as setup left it", refused.stderr)
        self.assertIn(str(next(self.config.glob("mailcore-backup-*"))), refused.stderr)
        self.assertEqual(self.both_files(), after)

    def test_puts_everything_back_where_postfix_complains(self):
        main = self.config / "main.cf"
        main.write_text(main.read_text() + "inet_protocols = nonsense\n")   # postfix check will not like it
        before = self.both_files()
        failed = self.run_setup("--apply", status=1)
        self.assertIn("main.cf and master.cf are as they were before", failed.stderr)
        self.assertEqual(self.both_files(), before)
        self.assertFalse((self.config / "mailcore-setup.json").exists())

    def test_names_a_configuration_that_is_none(self):
        self.assertIn("open", self.run_setup(config=self.folder / "nowhere", status=1).stderr)

    def test_keeps_owner_and_mode(self):
        (self.config / "main.cf").chmod(0o640)
        self.run_setup("--apply")   # postconf itself makes it 0644
        self.run_setup("--undo")
        self.assertEqual((self.config / "main.cf").stat().st_mode & 0o777, 0o640)


if __name__ == "__main__":
    project.main()
