"""How the private Postfix is set up: the project's own fragments, etc/postfix/main.cf and etc/postfix/master.cf, so
that the tests prove what operators install, and over them what only a test needs: ports, directories, the sink as
relay host, XCLIENT, no waiting."""

import pathlib
import re

FRAGMENTS = pathlib.Path(__file__).resolve().parents[3] / "etc" / "postfix"

# Broader than the tenants of any case's configuration: 10.66/16 is "ours" to Postfix and nobody's to the gate, so a
# refusal there is the gate's alone.
NETWORKS = "10.0.0.0/8, 192.168.0.0/16, 127.0.0.0/8, [fd00::]/16, [::1]/128"

# What Debian's main.cf holds and a private one needs.
DISTRIBUTION = {
    "compatibility_level": "3.6",
    "command_directory": "/usr/sbin",
    "daemon_directory": "/usr/lib/postfix/sbin",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "myhostname": "mail-core.test",
    "mydomain": "test",
    "mydestination": "",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
}

FOR_TESTS_ONLY = {
    "mynetworks": NETWORKS,
    "smtp_host_lookup": "native",
    "smtp_tls_security_level": "none",
    "smtp_sasl_auth_enable": "no",
    "smtp_sasl_password_maps": "",
    "smtp_tls_policy_maps": "",
    "smtp_bind_address": "127.0.0.1",
    "transport_maps": "",
    "sender_dependent_relayhost_maps": "",
    "sender_dependent_default_transport_maps": "",
    "smtpd_peername_lookup": "no",
    "smtpd_authorized_xclient_hosts": "127.0.0.0/8, [::1]/128",
    "smtpd_error_sleep_time": "0",
    "smtpd_soft_error_limit": "1000",
    "smtpd_hard_error_limit": "2000",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "in_flow_delay": "0",
    "default_process_limit": "40",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "1s",
}


# A hand-kept relay host before mailcore: whoever is in mynetworks sends as anybody, and so does every login (Debian's
# commented submission block). What `mailcorectl setup` finds.
UNWIRED_MAIN_CF = {
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
}
UNWIRED_SUBMISSION = [
    "syslog_name=postfix/submission",
    "smtpd_sasl_auth_enable=yes",
    "smtpd_recipient_restrictions=",
    "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
    "milter_macro_daemon_name=ORIGINATING",
]


def main_cf(directories, sink_port, wired=True):
    """main.cf as one setting a line; what stands further down here overrides what stands above."""
    queue, config, log = (directories[name] for name in ("queue", "config", "log"))
    places = {
        "queue_directory": queue,
        "data_directory": directories["data"],
        "maillog_file": log,
        "maillog_file_prefixes": log.parent,
        "relayhost": f"[127.0.0.1]:{sink_port}",
        "smtpd_tls_cert_file": config / "tls" / "server.pem",
        "smtpd_tls_key_file": config / "tls" / "server.key",
        "relay_clientcerts": f"texthash:{config}/relay_clientcerts",
    }
    wiring = settings_of(read_fragment("main.cf")) if wired else UNWIRED_MAIN_CF
    settings = DISTRIBUTION | wiring | FOR_TESTS_ONLY | places
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def master_cf(distribution, endpoints, wired=True):
    """master.cf: Debian's own, unchrooted and without its smtp line, then our smtp services by endpoint."""
    lines = [_unchrooted(line) for line in distribution.splitlines() if not re.match(r"smtp\s+inet|#", line)]
    for name, addresses in endpoints.items():
        chosen = service_options(name) if wired else UNWIRED_SUBMISSION if name == "587" else []
        options = "".join(f"\n  -o {option}" for option in chosen)
        lines += [f"{address} inet n - n - - smtpd{options}" for address in addresses]
    return "\n".join(lines) + "\n"


def _unchrooted(line):
    """Column 5 of a service line says chroot: the tests' folder holds no copies of /etc for a chroot to see."""
    fields = line.split(None, 5)
    if line[:1].isspace() or len(fields) < 6:
        return line
    fields[4] = "n"
    return " ".join(fields)


def service_options(name):
    """25 and 587 as the fragment has them (without TLS being a must: most cases lend themselves a login by XCLIENT).

    The other two are one layer at a time, with Postfix wide open behind it: what is refused there is refused by that
    daemon alone. For the tests only, and never a wiring."""
    if name == "25":
        return options_of(read_fragment("master.cf"), "smtp")
    if name == "587":
        return [*options_of(read_fragment("master.cf"), "submission"), "smtpd_tls_security_level=may"]
    wide_open = "check_client_access static:OK, reject"
    if name == "milter-alone":
        return [f"{{ smtpd_relay_restrictions = {wide_open} }}", "smtpd_data_restrictions="]
    policy_call = settings_of(read_fragment("main.cf"))["smtpd_data_restrictions"]
    return ["smtpd_milters=", f"{{ smtpd_relay_restrictions = {policy_call}, {wide_open} }}"]


def read_fragment(name):
    return (FRAGMENTS / name).read_text()


def logical_lines(text):
    """Comments and empty lines dropped, continued lines joined: as postconf(5) reads them."""
    without_comments = re.sub(r"(?m)^[ \t]*(#.*)?\n", "", text)
    return re.sub(r"\n[ \t]+", " ", without_comments).splitlines()


def settings_of(text):
    pairs = (line.partition("=") for line in logical_lines(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def options_of(text, service):
    """The -o options of an inet service, in their order."""
    line = next(line for line in logical_lines(text) if re.match(rf"{service}\s+inet\s", line))
    return [option.strip() for option in re.split(r"\s-o\s+", line)[1:]]
