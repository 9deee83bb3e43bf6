"""The relay host: a private Postfix whose client side is wired as etc/postfix says, its maps being vault-sync's.

The server side lets the loopback relay, without the gate: that is another suite's."""

import json
import pathlib
import re
import shutil
import subprocess

from harness import ports, wiring
from harness.postfix import DISTRIBUTION_MASTER_CF, PrivatePostfix, require_postfix
from harness.smtp import SmtpClient
from harness.waiting import HarnessError, wait_until

INSTALLED_DIRECTORY = "/etc/postfix/mailcore"
# main.cf settings that are the client side's: what vault-sync's part of the fragment is about.
CLIENT_SIDE = re.compile(r"smtp_|transport_maps$|sender_dependent_|relayhost$|default_transport$")
RELOADED = re.compile(r"reload -- version")

FOR_TESTS_ONLY = {
    "mynetworks": "127.0.0.0/8",
    "inet_protocols": "ipv4",
    "smtp_host_lookup": "native",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_peername_lookup": "no",
    "smtpd_client_connection_count_limit": "0",
    "in_flow_delay": "0",
    "default_process_limit": "40",
    # Clients come and go as on a busy host: one that comes between rename and reload opens the new maps.
    "max_use": "5",
    # What is deferred stays so until somebody flushes: whether vault-sync does is a claim.
    "minimal_backoff_time": "1h",
    "maximal_backoff_time": "2h",
    "queue_run_delay": "1h",
    "smtp_connect_timeout": "30s",
    "smtp_helo_timeout": "30s",
}


class RelayHost(PrivatePostfix):
    def __init__(self, folder):
        super().__init__(folder, sink_port=0)
        self.output = self.directories["config"] / "mailcore"

    @property
    def config_directory(self):
        return self.directories["config"]

    def prepare(self):
        require_postfix()
        for directory in self.directories.values():
            (directory.parent if directory.name == "maillog" else directory).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directories["data"], "postfix", "postfix")
        self.endpoints = {"25": [("127.0.0.1", ports.free_ports(1)[0])]}
        self.write_configuration()
        self._run("postfix", "-c", self.directories["config"], "check")

    def write_configuration(self, **overrides):
        queue, log = self.directories["queue"], self.directories["log"]
        places = {"queue_directory": queue, "data_directory": self.directories["data"], "maillog_file": log,
                  "maillog_file_prefixes": log.parent}
        wired = {name: self.own_paths(value) for name, value in
                 wiring.settings_of(wiring.read_fragment("main.cf")).items() if CLIENT_SIDE.match(name)}
        if "smtp_sasl_password_maps" not in wired:
            raise HarnessError("etc/postfix/main.cf does not name vault-sync's maps")
        settings = wiring.DISTRIBUTION | wired | FOR_TESTS_ONLY | places | overrides
        self._write("main.cf", "".join(f"{name} = {value}\n" for name, value in settings.items()))
        services = {"25": [f"127.0.0.1:{self.endpoints['25'][0][1]}"]}
        self._write("master.cf", wiring.master_cf(DISTRIBUTION_MASTER_CF.read_text(), {})
                    + f"{services['25'][0]} inet n - n - - smtpd\n" + _wrapper_service())

    def own_paths(self, text):
        return text.replace(INSTALLED_DIRECTORY, str(self.output))

    # --- between stories

    def forget_everything(self):
        """No maps, no state, no mail: as before vault-sync's first run."""
        self.delete_all()
        for entry in self.output.iterdir() if self.output.exists() else ():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    # --- mail

    def connect(self):
        client = SmtpClient(*self.endpoints["25"][0])
        client.introduce()
        return client

    def send(self, recipient, sender="app@sender.test", subject="hello"):
        """Inject one message; it is accepted, or the harness is broken."""
        with self.connect() as client:
            message = f"From: {sender or 'mailer'}\r\nSubject: {subject}\r\nMessage-ID: <{recipient}>\r\n\r\nHello.\r\n"
            reply = client.send_mail(sender, [recipient], message.encode())
            if not reply.is_success:
                raise HarnessError(f"the relay host did not accept mail: {reply}")
            client.quit()

    def deferred(self):
        """{recipient: why it waits} of the deferred queue."""
        done = self._run("postqueue", "-c", self.directories["config"], "-j").decode()
        entries = [json.loads(line) for line in done.splitlines()]
        return {recipient["address"]: recipient.get("delay_reason", "") for entry in entries
                if entry["queue_name"] == "deferred" for recipient in entry["recipients"]}

    def wait_until_deferred(self, recipient):
        return wait_until(lambda: self.deferred().get(recipient), lambda: f"{recipient} to be deferred\n{self.log_tail(20)}")

    def flush(self):
        self._run("postqueue", "-c", self.directories["config"], "-f")

    def reload(self):
        self._run("postfix", "-c", self.directories["config"], "reload")

    # --- its log

    def log_text(self):
        log = self.directories["log"]
        return log.read_text(errors="replace") if log.exists() else ""

    def reloads(self):
        """How often the master took its configuration anew, so far."""
        return len(RELOADED.findall(self.log_text()))

    def bounces_since(self, mark):
        return [line for line in self.log_text()[mark:].splitlines() if "status=bounced" in line]

    # --- its maps

    def lookup(self, table, key):
        """What Postfix would find, by its own setting: lookup("smtp_sasl_password_maps", "[localhost]:587")."""
        maps = self._run("postconf", "-c", self.directories["config"], "-h", "-x", table).decode().strip()
        done = subprocess.run(["postmap", "-c", self.directories["config"], "-q", "-", maps], input=key + "\n",
                              capture_output=True, text=True)
        return done.stdout.rstrip("\n").partition("\t")[2] if "\t" in done.stdout else None

    def current_generation(self):
        """4 for current -> generations/0004; None where there is none."""
        link = self.output / "current"
        return int(pathlib.Path(link.readlink()).name) if link.is_symlink() else None


def _wrapper_service():
    """mailcore-smtps of etc/postfix/master.cf, unchrooted."""
    for line in wiring.logical_lines(wiring.read_fragment("master.cf")):
        if re.match(r"mailcore-smtps\s+unix\s", line):
            fields = line.split(None, 5)
            fields[4] = "n"
            return " ".join(fields) + "\n"
    raise HarnessError("etc/postfix/master.cf has no service mailcore-smtps")
