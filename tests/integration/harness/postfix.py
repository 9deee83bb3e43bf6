"""A private Postfix: the distribution's programs on directories, ports and a log of our own.

    postfix = PrivatePostfix(folder, sink_port=2525)
    postfix.prepare()
    with postfix:
        client = SmtpClient(*postfix.endpoints["25"][0])

The master process is our child, so it ends when we end, however we end. The machine's own Postfix, running or not,
is left as it is: same programs, other directories."""

import pathlib
import shutil
import subprocess
import time

from . import ports, wiring
from .processes import start_child, stop_child
from .waiting import HarnessError, wait_until

PROGRAMS = pathlib.Path("/usr/lib/postfix/sbin")
DISTRIBUTION_MASTER_CF = pathlib.Path("/usr/share/postfix/master.cf.dist")
SERVICES = ("25", "587", "policy-alone", "milter-alone")
WAITING_QUEUES = ("maildrop", "incoming", "active", "deferred")


class PrivatePostfix:
    def __init__(self, folder, sink_port):
        self.folder = pathlib.Path(folder)
        self.directories = {name: self.folder / name for name in ("queue", "config", "data")}
        self.directories["log"] = self.folder / "log" / "maillog"
        self.sink_port = sink_port
        self.endpoints = {}
        self.master = None

    @property
    def queue(self):
        return self.directories["queue"]

    @property
    def socket_directory(self):
        """Where our daemons' sockets lie; main.cf says unix:mailcore/…, chroot or not."""
        return self.queue / "mailcore"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def prepare(self):
        """Write directories and configuration; nothing runs yet."""
        require_postfix()
        for directory in (*self.directories.values(), self.socket_directory):
            (directory.parent if directory.name == "maillog" else directory).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directories["data"], "postfix", "postfix")
        shutil.chown(self.socket_directory, None, "postfix")
        self.socket_directory.chmod(0o2750)
        self.endpoints = _endpoints()
        self.write_configuration()
        self._write("relay_clientcerts", "")
        self._run("postfix", "-c", self.directories["config"], "check")

    def write_configuration(self, wired=True):
        """The project's wiring, or a relay host as it was before mailcore; in force after the next start or reload."""
        services = self.endpoints if wired else {name: self.endpoints[name] for name in ("25", "587")}
        distribution = DISTRIBUTION_MASTER_CF.read_text()
        self._write("main.cf", wiring.main_cf(self.directories, self.sink_port, wired))
        self._write("master.cf", wiring.master_cf(distribution, _master_names(services), wired))

    def settings(self):
        """main.cf and master.cf as Postfix reads them, for comparing."""
        return [self._run("postconf", "-c", self.directories["config"], option) for option in ("-n", "-M", "-P")]

    def _write(self, name, text):
        (self.directories["config"] / name).write_text(text)

    def start(self):
        """Once in some hundred starts the master ends at once with 1 and no word, as when a port was taken: then once more."""
        try:
            self._start()
        except HarnessError:
            if self.master.poll() is None:
                raise
            time.sleep(1)
            self._start()

    def _start(self):
        told_before = self._starts_told()
        command = [PROGRAMS / "master", "-c", self.directories["config"], "-s"]
        with open(self.folder / "log" / "master.stderr", "ab") as output:
            self.master = start_child(command, stdout=output, stderr=output)
        wait_until(lambda: self._is_running() and self._starts_told() > told_before,
                   lambda: f"Postfix to start\n{self.log_tail()}", error=HarnessError)

    def _starts_told(self):
        """By its own word, not by connecting: a connection would start an smtpd before our daemons are there."""
        log = self.directories["log"]
        return log.read_text(errors="replace").count("daemon started") if log.exists() else 0

    def _is_running(self):
        if self.master.poll() is not None:
            raise HarnessError(f"Postfix's master ended with {self.master.returncode}\n{self.log_tail()}")
        return True

    def stop(self):
        if self.master is None:
            return
        stop_child(self.master)
        self.master = None

    def waiting_messages(self):
        """Queue files neither delivered nor held: names of their queue ids."""
        return [path.name for queue in WAITING_QUEUES for path in (self.queue / queue).rglob("*") if path.is_file()]

    def held_messages(self):
        return [path.name for path in (self.queue / "hold").rglob("*") if path.is_file()]

    def wait_until_idle(self):
        """Until each accepted message has been delivered, bounced or held."""
        wait_until(lambda: not self.waiting_messages(), lambda: f"an empty queue; waiting: {self.waiting_messages()}")

    def delete_all(self):
        """Leave nothing in any queue for the next case to meet."""
        self._run("postsuper", "-c", self.directories["config"], "-d", "ALL")

    def sendmail(self, sender, recipients, message):
        """Local submission, as a cron job or an application on the relay host does it."""
        self._run("sendmail", "-C", self.directories["config"], "-i", "-f", sender, *recipients, input=message)

    def log_tail(self, lines=60):
        log = self.directories["log"]
        texts = [path.read_text(errors="replace") for path in (self.folder / "log" / "master.stderr", log)
                 if path.exists()]
        return "\n".join("\n".join(texts).splitlines()[-lines:])

    def _run(self, *command, **options):
        done = subprocess.run(list(command), capture_output=True, **options)
        if done.returncode != 0:
            raise HarnessError(f"{' '.join(map(str, command))} ended with {done.returncode}: "
                               f"{(done.stdout + done.stderr).decode(errors='replace')}")
        return done.stdout


def require_postfix():
    """A missing Postfix is a failure with its cure, never a silent skip."""
    if not (PROGRAMS / "master").exists() or not DISTRIBUTION_MASTER_CF.exists():
        raise HarnessError("Postfix is not installed: apt-get install postfix")
    if subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip() != "0":
        raise HarnessError("a private Postfix must be started by root, as every Postfix: use sudo")


def _endpoints():
    """Every service on a port of its own; the ordinary one on IPv6 too where there is a loopback for it."""
    endpoints = {service: [("127.0.0.1", port)] for service, port in zip(SERVICES, ports.free_ports(len(SERVICES)))}
    if ports.has_ipv6_loopback():
        endpoints["25"].append(("::1", endpoints["25"][0][1]))
    return endpoints


def _master_names(endpoints):
    return {service: [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses]
            for service, addresses in endpoints.items()}


def allow_long_datagram_queues():
    """postlogd hangs on its own full socket after some reloads where net.unix.max_dgram_qlen is the kernel's 10 (where
    systemd runs it is 512). Raised for good where permitted; returns a note for people when something was done."""
    setting = pathlib.Path("/proc/sys/net/unix/max_dgram_qlen")
    try:
        if int(setting.read_text()) >= 512:
            return None
        setting.write_text("512")
        return "net.unix.max_dgram_qlen raised to 512 until the next boot, as systemd does"
    except OSError as error:
        return f"net.unix.max_dgram_qlen could not be raised to 512 ({error.strerror}): Postfix's log may stall"
