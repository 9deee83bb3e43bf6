"""Redis over TLS with a password counts; with a wrong password or a certificate of no trust the fallback does

The password stands in no log and no answer."""

import shutil
import subprocess

from harness.certificates import Certificate
from harness.claims import claim, claim_equal
from harness.limits import Application, claim_used, ctl

CONFIG = "limits-redis"
PASSWORD = "pw-4711-of-redis"
CONFIGURATION = """
limits: {{store: "@REDIS@", fallback: "lmdb:@STATE@/limits-local", password_file: {password}, ca_file: {trusted}}}
tenants:
  kbz_test:
    clients: [10.0.0.250]
    senders: ["@keybuzz.io"]
    limits:  [{{messages: 3, per: 1d}}]
"""


def run(gate):
    folder = gate.folder / "etc"
    server, stranger = Certificate(folder, "redis", "127.0.0.1"), Certificate(folder, "someone-else", "127.0.0.1")
    gate.redis.stop()
    gate.redis.start(server, PASSWORD)
    use(gate, PASSWORD, server)
    with Application(gate) as application:
        application.passes_exactly(3)
    claim(gate.redis.call("KEYS", "mailcore:limit:kbz_test *"), "nothing was counted in Redis")
    claim_equal(gate.events(gate.milter, "limit_store_away"), [], "told of Redis")
    check_refused_by_redis(gate, "wrong", server)
    check_refused_by_redis(gate, PASSWORD, stranger)
    check_secrecy(gate)
    gate.postfix.wait_until_idle()


def use(gate, password, trusted):
    """The daemons started anew, with nothing counted in the fallback."""
    gate.stop_daemons()
    shutil.rmtree(gate.folder / "state" / "limits-local", ignore_errors=True)
    password_file = gate.folder / "etc" / "redis-password"
    password_file.write_text(password + "\n")
    password_file.chmod(0o640)
    gate.write_config(CONFIGURATION.format(password=password_file, trusted=trusted.certificate))
    gate.mark_logs()
    gate.start_daemons()


def check_refused_by_redis(gate, password, trusted):
    """Then each host counts alone: its own table knows nothing of what Redis counted."""
    use(gate, password, trusted)
    with Application(gate) as application:
        application.passes_exactly(3)
    claim_used(gate, "kbz_test", messages=3)
    for name, daemon in gate.daemons.items():
        claim(gate.events(daemon, "limit_store_away"), f"{name} did not tell that Redis cannot be used")


def check_secrecy(gate):
    told = "".join(ctl(gate, *words) for words in (["limits"], ["status"], ["tenants", "--json"]))
    for daemon in gate.daemons.values():
        told += daemon.stderr_path.read_text(errors="replace")
        command = [daemon.binary, "--config", gate.config, "--print-config"]
        told += subprocess.run(command, capture_output=True, text=True).stdout
    claim("redis-password" in told, "the effective configuration does not name the password's file")
    claim(PASSWORD not in told, "the password was told")
