"""How the private Postfix is set up: mailcore's wiring as the contract states it, and what only a test needs.

The wiring is taken from the project's own fragments, etc/postfix/main.cf and etc/postfix/master.cf, where they
exist, so that the tests prove what operators install; the texts below stand in for a fragment that does not. What
follows the fragment in the written main.cf overrides it: ports, directories, the sink as relay host, XCLIENT."""

import pathlib
import re

FRAGMENTS = pathlib.Path(__file__).resolve().parents[3] / "etc" / "postfix"

POLICY_CALL = ("check_policy_service { unix:mailcore/policy.sock, timeout=5s, "
               "{ default_action = 451 4.3.5 Policy service unavailable } }")
MILTER_CALL = ("{ unix:mailcore/milter.sock, connect_timeout=3s, command_timeout=5s, content_timeout=15s, "
               "default_action=tempfail }")

WIRING_MAIN_CF = f"""
smtpd_relay_restrictions = {POLICY_CALL}, permit_mynetworks, permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
smtpd_data_restrictions = {POLICY_CALL}
smtpd_milters = {MILTER_CALL}
non_smtpd_milters = {MILTER_CALL}
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
allow_percent_hack = no
swap_bangpath = no
local_header_rewrite_clients =
message_size_limit = 52428800
smtpd_tls_fingerprint_digest = sha256
"""

WIRING_SUBMISSION = [
    "syslog_name=postfix/submission",
    "smtpd_sasl_auth_enable=yes",
    "smtpd_tls_ask_ccert=yes",
    f"{{ smtpd_relay_restrictions = {POLICY_CALL}, permit_sasl_authenticated, permit_tls_clientcerts, reject }}",
    f"{{ smtpd_data_restrictions = {POLICY_CALL} }}",
]

# Broader than the tenants of any case's configuration: 10.66/16 is "ours" to Postfix and nobody's to the gate, so a
# refusal there is the gate's alone.
NETWORKS = ["10.0.0.0/8", "192.168.0.0/16", "127.0.0.0/8", "[fd00::]/16", "[::1]/128"]

# One layer at a time, with Postfix wide open behind it: what is refused there is refused by that daemon alone.
# For the tests only, and never a wiring.
ONE_LAYER_ALONE = {
    "policy-alone": ["smtpd_milters=", f"{{ smtpd_relay_restrictions = {POLICY_CALL}, check_client_access static:OK, reject }}"],
    "milter-alone": ["{ smtpd_relay_restrictions = check_client_access static:OK, reject }", "smtpd_data_restrictions="],
}


def fragment(name):
    """The project's own fragment, or None while there is none."""
    path = FRAGMENTS / name
    return path.read_text() if path.exists() else None


def main_cf(directories, sink_port, networks=NETWORKS):
    """main.cf: distribution's places, then the wiring, then the test's overrides (a later line wins)."""
    queue, config, data, log = (directories[name] for name in ("queue", "config", "data", "log"))
    return f"""
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail-core.test
mydomain = test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
{fragment("main.cf") or WIRING_MAIN_CF}
# What only a test needs.
mynetworks = {", ".join(networks)}
maillog_file = {log}
maillog_file_prefixes = {log.parent}
relayhost = [127.0.0.1]:{sink_port}
smtp_host_lookup = native
smtp_tls_security_level = none
smtp_sasl_auth_enable = no
smtp_bind_address = 127.0.0.1
transport_maps =
sender_dependent_relayhost_maps =
sender_dependent_default_transport_maps =
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8, [::1]/128
smtpd_sasl_type = dovecot
smtpd_sasl_path = {queue}/sasl-auth
smtpd_tls_cert_file = {config}/tls/server.pem
smtpd_tls_key_file = {config}/tls/server.key
relay_clientcerts = texthash:{config}/relay_clientcerts
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 2000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
default_process_limit = 40
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""


def master_cf(distribution, endpoints):
    """master.cf: Debian's own, unchrooted and without its smtp line, then our smtp services by endpoint."""
    lines = [_unchrooted(line) for line in distribution.splitlines() if not re.match(r"smtp\s+inet|#", line)]
    for name, addresses in endpoints.items():
        lines += [f"{address} inet n - n - - smtpd{_options(name)}" for address in addresses]
    return "\n".join(lines) + "\n"


def _unchrooted(line):
    """Column 5 of a service line says chroot: the tests' folder holds no copies of /etc for a chroot to see."""
    fields = line.split(None, 5)
    if line[:1].isspace() or len(fields) < 6:
        return line
    fields[4] = "n"
    return " ".join(fields)


def _options(name):
    if name == "587":
        options = _submission_of(fragment("master.cf")) or WIRING_SUBMISSION
        options = options + ["smtpd_tls_security_level=may"]
    else:
        options = ONE_LAYER_ALONE.get(name, [])
    return "".join(f"\n  -o {option}" for option in options)


def _submission_of(text):
    """The -o options of the fragment's submission service, in their order."""
    if text is None:
        return None
    logical = re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)^[ \t]*#.*\n", "", text))
    line = next((line for line in logical.splitlines() if re.match(r"(submission|587|\S+:587)\s+inet", line)), None)
    return None if line is None else [option.strip() for option in re.split(r"\s-o\s+", line)[1:]]
