#!/usr/bin/env python3
"""The systemd units: known to systemd, confined as they say."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import project

SYSTEMD = project.ROOT / "systemd"
DAEMONS = ("mailcore-policy.service", "mailcore-milter.service")
SECRETS = ("vault-sync.service", "vault-sync-once.service")
OUTCOMES = ("mailcore-outcomes.service",)
SERVICES = (*DAEMONS, *OUTCOMES, *SECRETS)
OTHERS = ("mailcore-policy.socket", "vault-sync-once.timer", "vault-sync-once.path")


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not on this host")
class UnitsTest(unittest.TestCase):
    def test_systemd_knows_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in (*SERVICES, *OTHERS):
                text = (SYSTEMD / unit).read_text()
                text = re.sub(r"/usr/s?bin/(mailcore\S+|vault-sync)", lambda m: str(project.program(m.group(1))), text)
                text = re.sub(r"(?m)^Documentation=.*\n", "", text)      # the pages are not installed here
                (pathlib.Path(folder) / unit).write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", *sorted(pathlib.Path(folder).iterdir())],
                                  capture_output=True, text=True)
            complaints = [line for line in done.stderr.splitlines() if "mailcore" in line or "vault-sync" in line]
            self.assertEqual(complaints, [])

    def test_exposure_is_as_the_unit_says(self):
        for service in SERVICES:
            said = re.search(r"says ([0-9.]+) \(systemd 252", (SYSTEMD / service).read_text()).group(1)
            done = subprocess.run(["systemd-analyze", "security", "--offline=yes", SYSTEMD / service], capture_output=True, text=True)
            measured = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
            if " 252" in subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout.splitlines()[0]:
                self.assertEqual(measured.group(1), said, service)
            else:
                self.assertLess(float(measured.group(1)), 3.0 if service in SECRETS else 2.0, service)

    def test_both_daemons_are_confined_alike(self):
        sandbox = [re.search(r"(?s)# No privileges, now or later.*", (SYSTEMD / service).read_text()).group(0) for service in DAEMONS]
        policy, milter = (text.replace(name, "NAME") for text, name in zip(sandbox, ("mailcore-policy", "mailcore-milter")))
        self.assertEqual(policy, milter)

    def test_a_pass_is_confined_alike_with_and_without_the_daemon(self):
        texts = [(SYSTEMD / service).read_text() for service in SECRETS]
        sandbox = [re.search(r"(?s)# VAULT_TOKEN and other.*?SystemCallErrorNumber=EPERM", text).group(0) for text in texts]
        self.assertEqual(*sandbox)

    def test_every_unit_is_installed(self):
        text = (project.ROOT / "cmake" / "install.cmake").read_text()
        for unit in (*SERVICES, *OTHERS):
            self.assertIn(unit, text)
        self.assertEqual({path.name for path in SYSTEMD.glob("*.*") if path.is_file()}, {*SERVICES, *OTHERS})


if __name__ == "__main__":
    project.main()
