"""Everything a story stands on, started once and shared: Vault, upstream, relay host, sink.

A story gets it as it was in the beginning: no maps, no state, no mail, nobody known upstream, Vault unsealed, and a
`site.sync` of its own with one relay, `primary` (see `defaults`)."""

import pathlib
import shutil
import tempfile
import time

from harness.processes import guardian
from harness.sink import Sink
from harness.waiting import wait_until

from . import secrets
from .authority import Authority
from .relay_host import RelayHost
from .sync import VaultSync
from .upstream import LISTENERS, Upstream, listener_of, login_of
from .vault import VaultServer

USER = "app"


class Site:
    def __init__(self, build, vault_program):
        self.build = pathlib.Path(build).resolve()
        self.vault_program = vault_program
        self.story = None
        self.sync = None
        self.folder = None
        self.is_kept = False        # for a person to look at its logs
        self._entered = []

    def __enter__(self):
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _set_up(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-vault-"))
        guardian.tell("folder", self.folder)
        self.folder.chmod(0o755)
        self.authority = Authority(self.folder / "ca")
        self.stranger = Authority(self.folder / "ca", "other-ca")
        self.sink = self._enter(Sink())
        self.vault = None
        if self.vault_program is not None:
            self.vault = self._enter(VaultServer(self.folder / "vault", self.vault_program, self.authority))
        self.upstream = Upstream(self.folder / "upstream", self.sink.port, self.authority)
        self.relay_host = RelayHost(self.folder / "relay-host")
        for postfix in (self.upstream, self.relay_host):
            postfix.prepare()
            self._enter(postfix)

    def _enter(self, context):
        self._entered.append(context)
        return context.__enter__()

    def close(self):
        self.end_story()
        while self._entered:
            self._entered.pop().__exit__(None, None, None)
        if self.folder is not None and not self.is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        guardian.dismiss()

    # --- a story begins and ends

    def begin_story(self, name):
        self.story = name
        self.sink.clear()
        self.upstream.reset()
        self.relay_host.forget_everything()
        self.log_mark = len(self.relay_host.log_text())
        self.reload_mark = self.relay_host.reloads()
        if self.vault is not None:
            self.vault.make_ready()
        self.sync = VaultSync(self.build, self.folder / "stories" / name, self.defaults)

    def end_story(self):
        if self.sync is not None:
            self.sync.end_watches()

    def defaults(self, sync):
        """The configuration that stories start from: AppRole, one relay `primary` on the upstream's first listener."""
        settings = {
            "mode": "production",
            "log": {"level": "info", "format": "json", "target": "stderr"},
            "vault": self.vault_settings(sync) if self.vault is not None else None,
            "relays": {"primary": self.relay("smtp")},
            "active": "primary",
            "fallback": [],
            "output": {"directory": str(self.relay_host.output)},
            "postfix": {"config_directory": str(self.relay_host.config_directory)},
            "cache": {"file": str(sync.cache_file), "key": sync.give_cache_key()},
            "watch": {"interval": "1s", "jitter": "0s"},
            "audit_log": str(sync.audit_log),
            "metrics": {"textfile": "", "listen": ""},
        }
        return settings

    def vault_settings(self, sync):
        if not hasattr(self, "role_id"):
            self.role_id = self.vault.approle("mail-core")
        return {"address": self.vault.address, "ca_cert": str(self.vault.ca_file), "timeout": "30s", "retries": 0,
                "auth": {"method": "approle", "role_id_file": sync.give("role-id", self.role_id + "\n"),
                         "secret_id_file": sync.give("secret-id", self.vault.secret_id("mail-core") + "\n")}}

    # --- secrets and relays, by the name of their listener

    def path(self, name="smtp"):
        """Where this story's secret stands in Vault."""
        return f"secret/{self.story}/{name}"

    def relay(self, name="smtp", **settings):
        """A relay of vault-sync.yaml; trusts the tests' authority."""
        return {"secret": self.path(name), "ca_file": str(self.authority.certificate), **settings}

    def fields(self, listener="primary", user=USER, password="", **others):
        return {"host": "localhost", "port": self.upstream.port(listener), "user": user, "password": password, **others}

    def put(self, password, listener="primary", user=USER, name="smtp", **others):
        """Only into Vault."""
        return self.vault.put(self.path(name), self.fields(listener, user, password, **others))

    def provide(self, listener="primary", user=USER, name="smtp", password=None, **others):
        """A new password that the upstream takes, put into Vault. Returns it."""
        password = password or secrets.new("mail")
        self.logins(listener).set(user, password)
        self.put(password, listener, user, name, **others)
        return password

    def logins(self, listener="primary"):
        return self.upstream.logins[LISTENERS[listener]["auth"]]

    # --- mail

    def claim_mail_flows(self, login=USER, listener="primary", sender="app@sender.test", recipient=None):
        """A message injected now comes through this listener with this login."""
        recipient = recipient or f"r{len(self.sink.all())}-{len(self.relay_host.log_text())}@example.com"
        self.relay_host.send(recipient, sender)
        runs = [time.monotonic()]
        message = wait_until(lambda: self._delivered(recipient, runs), lambda: self.why_not_delivered(recipient))[0]
        found = (listener_of(message), login_of(message))
        if found != (listener, login):
            raise AssertionError(f"the message came through {found}, not {(listener, login)}")
        return message

    def _delivered(self, recipient, runs):
        """`runs`: when a queue run was asked for. Postfix keeps what came in while it reloaded until the next one, 300 s away."""
        if time.monotonic() > runs[-1] + 3:
            runs.append(time.monotonic())
            self.relay_host.flush()
        return self.sink.to(recipient)

    def why_not_delivered(self, recipient):
        return (f"a delivery to {recipient}; the relay host says\n{self.relay_host.log_tail(15)}\n"
                f"the upstream says\n{self.upstream.log_tail(15)}")

    # --- what Postfix holds

    def nexthop(self, listener="primary"):
        return f"[localhost]:{self.upstream.port(listener)}"

    def login_in_postfix(self, listener="primary"):
        """`user:password` as Postfix finds it for this listener; None without a line."""
        return self.relay_host.lookup("smtp_sasl_password_maps", self.nexthop(listener))

    def claim_in_postfix(self, password, listener="primary", user=USER):
        found = self.login_in_postfix(listener)
        if found != f"{user}:{password}":
            raise AssertionError(f"Postfix holds {'another password' if found else 'no login'} for {listener}")

    def generation(self):
        return self.relay_host.current_generation()

    def claim_generation(self, number):
        if self.generation() != number:
            raise AssertionError(f"current is generation {self.generation()}, expected {number}")

    def claim_reloads(self, expected):
        """So many reloads of the relay host since the story began, and no more."""
        wait_until(lambda: self.relay_host.reloads() - self.reload_mark >= expected,
                   lambda: f"{expected} reloads; there were {self.relay_host.reloads() - self.reload_mark}")
        time.sleep(0.2)          # for one too many to be told
        found = self.relay_host.reloads() - self.reload_mark
        if found != expected:
            raise AssertionError(f"{found} reloads of Postfix, expected {expected}")

    # --- what a failure is read by

    def report(self, lines=25):
        return (f"--- relay host's log\n" + "\n".join(self.relay_host.log_text()[self.log_mark:].splitlines()[-lines:])
                + "\n--- generations: " + ", ".join(str(path.relative_to(self.relay_host.output)) for path in sorted(
                    self.relay_host.output.glob("generations/*"))) + f"; current is {self.generation()}")
