"""Which Vault the stories run against: ours, built where there is a Go for it, else vault or bao from PATH."""

import os
import pathlib
import shutil
import subprocess

VAULT_SERVER = pathlib.Path(__file__).resolve().parents[3] / "vault-server"
NO_GO = 77

CURE = ("install Go 1.21 or newer (in PATH or /usr/local/go: tests/vault-server is built then, once), "
        "or put HashiCorp's vault or OpenBao's bao into PATH")


class NoVault(Exception):
    """Why there is none; `is_avoidable` where something to make one of was found."""

    def __init__(self, reason, is_avoidable):
        super().__init__(reason)
        self.is_avoidable = is_avoidable


def find_vault():
    built = subprocess.run([VAULT_SERVER / "build.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if built.returncode == 0:
        return pathlib.Path(built.stdout.strip())
    installed = shutil.which("vault") or shutil.which("bao")
    if installed:
        return pathlib.Path(installed)
    if built.returncode == NO_GO:
        raise NoVault("there is neither Go 1.21 or newer, nor vault, nor bao", is_avoidable=False)
    last_words = "\n".join(built.stderr.splitlines()[-10:])
    raise NoVault(f"tests/vault-server does not build:\n{last_words}", is_avoidable=True)


def skip_is_failure():
    """MAILCORE_REQUIRE=vault (continuous integration): what could run must run."""
    return "vault" in os.environ.get("MAILCORE_REQUIRE", "").split(",")
