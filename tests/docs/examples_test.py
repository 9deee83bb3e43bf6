#!/usr/bin/env python3
"""Every file below etc/ loads in the program it is for."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import project

ETC = project.ROOT / "etc"
DISTRIBUTION_MASTER_CF = pathlib.Path("/usr/share/postfix/master.cf.dist")


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-examples-"))
        self.addCleanup(shutil.rmtree, self.folder)


class MailcoreExamples(Folder):
    def setUp(self):
        super().setUp()
        shutil.copytree(ETC / "mailcore", self.folder, dirs_exist_ok=True)
        keys = self.folder / "stamp-keys.yaml"
        keys.write_text(f"active: k1\nkeys: {{k1: {base64.b64encode(os.urandom(32)).decode()}}}\n")
        keys.chmod(0o640)
        self.config = self.folder / "mailcore.yaml"
        text = self.config.read_text()
        self.assertIn("/etc/mailcore/stamp-keys.yaml", text)
        self.config.write_text(text.replace("/etc/mailcore/stamp-keys.yaml", str(keys)))

    def test_the_configuration_loads_without_a_warning(self):
        for daemon in ("mailcore-policy", "mailcore-milter", "mailcore-outcomes"):
            done = subprocess.run([project.program(daemon), "--config", self.config, "--check"], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), daemon)

    def test_every_file_is_read(self):
        files = {path.name for path in (ETC / "mailcore").rglob("*.yaml")}
        self.assertEqual(files, {"mailcore.yaml", "kbz_test.yaml", "vault-sync.yaml"}, "a new example needs its line here")
        self.assertIn("kbz_test", project.output_of(project.program("mailcore-policy"), "--config", self.config, "--print-config"))

    def test_the_written_values_are_the_defaults(self):
        """But for the networks, the rule, the include and the keys file moved by this test."""
        effective = project.output_of(project.program("mailcore-policy"), "--config", self.config, "--print-config")
        bare = self.folder / "bare.yaml"
        bare.write_text("stamp: {keys_file: ''}\ntenants: {kbz_test: {}}\n")
        default = project.output_of(project.program("mailcore-policy"), "--config", bare, "--print-config")
        ignored = r"\s*(networks|local|backend|include|tenants|rules|keys_file|- )|\s*kbz_test|    |  kbz"
        kept = [line for line in default.splitlines() if not re.match(ignored, line)]
        missing = [line for line in kept if line not in effective.splitlines()]
        self.assertEqual(missing, [])


class VaultSyncExample(Folder):
    def setUp(self):
        super().setUp()
        self.vault_sync = project.program("vault-sync")

    def print_config(self, text):
        config = self.folder / "vault-sync.yaml"
        config.write_text(text)
        return project.output_of(self.vault_sync, "--config", config, "--print-config")

    def test_it_loads_without_a_warning(self):
        command = [self.vault_sync, "--config", ETC / "mailcore" / "vault-sync.yaml", "--check"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_written_values_are_the_defaults(self):
        """But for the relays, and what says how Vault is reached."""
        effective = self.print_config((ETC / "mailcore" / "vault-sync.yaml").read_text()).splitlines()
        default = self.print_config("relays: {primary: {secret: secret/keybuzz/smtp}}\nactive: primary\n").splitlines()
        changed = {"    tls: auto", "fallback: []"}
        self.assertEqual([line for line in default if line not in effective and line not in changed], [])


class PostfixExamples(Folder):
    """The fragments put into Debian's own files, as an operator would."""

    def setUp(self):
        super().setUp()
        self.assertTrue(DISTRIBUTION_MASTER_CF.exists(), "Postfix is not installed: apt-get install postfix")
        for name in ("queue", "data"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        shutil.chown(self.folder / "data", "postfix")
        main = f"compatibility_level = 3.6\nqueue_directory = {self.folder}/queue\ndata_directory = {self.folder}/data\n"
        (self.folder / "main.cf").write_text(main + (ETC / "postfix" / "main.cf").read_text())
        services = re.sub(r"(?m)^smtp +inet", "#smtp inet", DISTRIBUTION_MASTER_CF.read_text())
        (self.folder / "master.cf").write_text(services + (ETC / "postfix" / "master.cf").read_text())

    def postconf(self, *arguments):
        done = subprocess.run(["postconf", "-c", self.folder, *arguments], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_postfix_knows_every_parameter(self):
        written = self.postconf("-n")
        for name in re.findall(r"(?m)^([a-z_]+) *=", (ETC / "postfix" / "main.cf").read_text()):
            self.assertRegex(written, rf"(?m)^{name} =")

    def test_postfix_check_is_content(self):
        done = subprocess.run(["postfix", "-c", self.folder, "check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_nothing_permits_before_the_gate_is_asked(self):
        lists = [self.postconf("-h", "smtpd_relay_restrictions"),
                 self.postconf("-Ph", "submission/inet/smtpd_relay_restrictions")]
        for value in lists:
            words = [word.strip() for word in value.strip().rpartition("}")[2].split(",") if word.strip()]
            self.assertTrue(value.startswith("check_policy_service {"), value)
            self.assertEqual(words[-1], "reject")
        self.assertNotIn("permit_mynetworks", lists[1])

    def test_a_login_that_was_not_given_defers_mail(self):
        said = "5.7.0 host relay.test[192.0.2.1] said: 530 5.7.0 Authentication required (in reply to MAIL FROM command)"
        other = "5.1.1 host relay.test[192.0.2.1] said: 550 5.1.1 No such user (in reply to RCPT TO command)"
        table = self.postconf("-xh", "smtp_delivery_status_filter").strip()
        done = subprocess.run(["postmap", "-c", self.folder, "-q", "-", table], input=f"{said}\n{other}\n",
                              capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), (f"{said}\t4{said[1:]}\n", ""))

    def test_the_exit_for_wrapper_relays_speaks_tls_at_once(self):
        self.assertEqual(self.postconf("-Ph", "mailcore-smtps/unix/smtp_tls_wrappermode").strip(), "yes")
        self.assertEqual(self.postconf("-Ph", "mailcore-smtps/unix/smtp_tls_security_level").strip(), "encrypt")

    def test_setup_finds_nothing_to_change(self):
        config = self.folder / "mailcore.yaml"
        config.write_text(f"stamp: {{keys_file: ''}}\npolicy: {{listen: 'unix:{self.folder}/queue/mailcore/policy.sock'}}\n"
                          f"milter: {{listen: 'unix:{self.folder}/queue/mailcore/milter.sock'}}\n"
                          "networks: {backend: [10.0.0.250/32]}\ninclude: [kbz_test.yaml]\n")
        shutil.copy(ETC / "mailcore" / "tenants.d" / "kbz_test.yaml", self.folder)
        shown = project.output_of(project.program("mailcorectl"), "--config", config, "setup", "--postfix-config", self.folder)
        self.assertTrue(shown.startswith("# Nothing to change"), shown)


if __name__ == "__main__":
    project.main()
