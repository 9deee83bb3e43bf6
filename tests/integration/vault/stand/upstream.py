"""The authenticated upstream: a second private Postfix with TLS and SASL, several listeners like several providers.

    upstream.logins["primary"].set("app", password)     in force at once
    upstream.close("primary")                            nothing listens there until `open`

It hands every message on to the sink, with the login and the listener in a Received header (`login_of`, `listener_of`).
Without a login MAIL FROM is answered 530, as Amazon SES and others do."""

import re
import shutil

from harness import ports, wiring
from harness.postfix import DISTRIBUTION_MASTER_CF, PrivatePostfix, require_postfix
from harness.waiting import HarnessError, wait_until

from . import authority
from .logins import Logins

# What each listener differs in. `auth`: its logins; `tls`: starttls, wrapper or none; `certificate`: whose.
LISTENERS = {
    "primary": {"auth": "primary", "tls": "starttls", "certificate": "upstream"},
    "second": {"auth": "second", "tls": "starttls", "certificate": "upstream"},
    "wrapper": {"auth": "wrapper", "tls": "wrapper", "certificate": "upstream"},
    "selfsigned": {"auth": "selfsigned", "tls": "starttls", "certificate": "selfsigned"},
    "misnamed": {"auth": "second", "tls": "starttls", "certificate": "misnamed"},
    "onlylogin": {"auth": "onlylogin", "tls": "starttls", "certificate": "upstream"},
    "cleartext": {"auth": "cleartext", "tls": "none", "certificate": None},
    "open": {"auth": None, "tls": "none", "certificate": None},
}
MECHANISMS = {"onlylogin": ("LOGIN",)}

MUST_LOG_IN = "permit_sasl_authenticated, check_sender_access static:{530 5.7.0 Authentication required}"


class Upstream(PrivatePostfix):
    def __init__(self, folder, sink_port, certificate_authority):
        super().__init__(folder, sink_port)
        self.certificate_authority = certificate_authority
        self.closed = set()
        self.logins = {}

    def prepare(self):
        require_postfix()
        for directory in self.directories.values():
            (directory.parent if directory.name == "maillog" else directory).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directories["data"], "postfix", "postfix")
        self.certificates = {"upstream": self.certificate_authority.sign("upstream"),
                             "misnamed": self.certificate_authority.sign("misnamed", "DNS:elsewhere.test"),
                             "selfsigned": authority.self_signed(self.folder / "tls", "selfsigned")}
        self.endpoints = dict(zip(LISTENERS, ports.free_ports(len(LISTENERS))))
        self.write_configuration()
        self._run("postfix", "-c", self.directories["config"], "check")

    def write_configuration(self):
        queue, config, log = (self.directories[name] for name in ("queue", "config", "log"))
        settings = wiring.DISTRIBUTION | {
            "myhostname": "upstream.test",
            "queue_directory": queue, "data_directory": self.directories["data"],
            "maillog_file": log, "maillog_file_prefixes": log.parent,
            "relayhost": f"[127.0.0.1]:{self.sink_port}", "smtp_host_lookup": "native",
            "smtp_tls_security_level": "none", "smtp_sasl_auth_enable": "no", "inet_protocols": "ipv4",
            "mynetworks": "", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_sasl_type": "dovecot", "smtpd_sasl_authenticated_header": "yes", "smtpd_peername_lookup": "no",
            "smtpd_delay_reject": "no", "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "1000",
            "smtpd_client_connection_count_limit": "0", "smtpd_client_auth_rate_limit": "0",
            "in_flow_delay": "0", "default_process_limit": "40", "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s", "queue_run_delay": "1s", "tls_ssl_options": "", "smtpd_tls_loglevel": "0",
        }
        self._write("main.cf", "".join(f"{name} = {value}\n" for name, value in settings.items()))
        listeners = "".join(self._service(name) for name in LISTENERS if name not in self.closed)
        own = wiring.master_cf(DISTRIBUTION_MASTER_CF.read_text(), {})
        self._write("master.cf", own + listeners)

    def _service(self, name):
        """A line of master.cf."""
        shape = LISTENERS[name]
        options = {"syslog_name": f"postfix/{name}", "myhostname": f"{name}.upstream.test"}
        if shape["auth"] is None:
            options["smtpd_relay_restrictions"] = "check_client_access static:OK, reject"
        else:
            options |= {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_path": f"private/auth-{shape['auth']}",
                        "smtpd_sender_restrictions": MUST_LOG_IN}
        if shape["tls"] == "none":
            options |= {"smtpd_tls_security_level": "none", "smtpd_sasl_security_options": "noanonymous"}
        else:
            certificate = self.certificates[shape["certificate"]]
            options |= {"smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes",
                        "smtpd_tls_wrappermode": "yes" if shape["tls"] == "wrapper" else "no",
                        "smtpd_tls_cert_file": certificate.certificate, "smtpd_tls_key_file": certificate.key}
        lines = "".join(f"\n  -o {{ {key} = {value} }}" for key, value in options.items())
        return f"127.0.0.1:{self.endpoints[name]} inet n - n - - smtpd{lines}\n"

    def __enter__(self):
        self.logins = {name: Logins(self.queue / "private" / f"auth-{name}", MECHANISMS.get(name, ("PLAIN", "LOGIN")))
                       for name in {shape["auth"] for shape in LISTENERS.values() if shape["auth"]}}
        for each in self.logins.values():
            each.__enter__()
        return super().__enter__()

    def __exit__(self, *details):
        super().__exit__(*details)
        for each in self.logins.values():
            each.__exit__(*details)

    def reset(self):
        """As a story may expect it: every listener open, nobody known, nothing remembered."""
        if self.closed:
            self.open(*self.closed)
        for each in self.logins.values():
            each.forget_all()

    def port(self, name):
        return self.endpoints[name]

    def close(self, *names):
        self._set_closed(self.closed | set(names))

    def open(self, *names):
        self._set_closed(self.closed - set(names))

    def _set_closed(self, names):
        self.closed = set(names)
        self.write_configuration()
        self._run("postfix", "-c", self.directories["config"], "reload")
        for name, port in self.endpoints.items():
            wait_until(lambda: ports.accepts_connections(ports.socket.AF_INET, ("127.0.0.1", port))
                       != (name in self.closed), f"{name} to be {'closed' if name in self.closed else 'open'}",
                       error=HarnessError)


def login_of(message):
    """The login with which a delivered message came through the upstream; None: without one."""
    received = message.values("Received")[0]
    found = re.search(r"\(Authenticated sender: ([^)]*)\)", received)
    return found and found[1]


def listener_of(message):
    """The listener through which a delivered message came."""
    return re.search(r"by (\w+)\.upstream\.test", message.values("Received")[0])[1]
