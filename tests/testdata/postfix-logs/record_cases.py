"""What record.py records: one generator a case, up to its first `yield` before Postfix starts, then with it running. The
name is the file's; the numbers are those of the order, so that a new case comes last."""

import base64
import shutil
import socket
import time

from record_stand import Milter, Sink, relay_to   # first: it makes the integration harness known

from harness import ports
from harness.sasl import LoginServer
from harness.waiting import wait_until

CASES = []


def case(note, main=None, services=None, maps=None):
    def keep(function):
        CASES.append((function.__name__.replace("_", "-"), note, main or {}, services or {}, maps or {}, function))
        return function
    return keep


@case("One message, from the client's connection to qmgr's removed. (keep everything)")
def sent(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send()
    postfix.wait_for(": removed")


@case("Three recipients in one message, of whom the server refuses one for good and one for now; then it takes that one. qmgr's from= comes again.")
def three_recipients_three_ends(postfix):
    relay_to(postfix, Sink(RCPT=["250 2.1.5 Ok", "550 5.1.1 <berta@remote.test>: no such user", "450 4.2.0 <carla@remote.test>: busy (try later)", "250 2.1.5 Ok"]))
    yield
    postfix.send(recipients=["anna@remote.test", "berta@remote.test", "carla@remote.test"])
    postfix.wait_for("status=sent", 3)   # the third is the notification's
    postfix.wait_for(": removed", 2)


@case("A connection used again: conn_use=.", main={"smtp_connection_cache_on_demand": "yes", "smtp_destination_concurrency_limit": "1"})
def connection_used_again(postfix):
    relay_to(postfix, Sink(END=["451 4.3.0 wait"] * 4 + ["250 2.0.0 Ok"]))
    postfix.main["smtp_connection_cache_destinations"] = postfix.main["relayhost"]
    yield
    for _ in range(4):
        postfix.send()
    postfix.wait_for("status=sent", 4)


@case("Nobody listens where the mail should go.")
def connection_refused(postfix):
    postfix.main["relayhost"] = f"[127.0.0.1]:{ports.free_ports(1)[0]}"
    yield
    postfix.send()
    postfix.wait_for("status=deferred", 2)


@case("The name of the server is unknown: relay=none.")
def host_not_found(postfix):
    postfix.main["relayhost"] = "[nowhere.invalid]:25"
    yield
    postfix.send()
    postfix.wait_for("status=")


@case("Refused for good at each step of the server: greeting, EHLO, MAIL, RCPT, DATA, end of the data. Every time a bounce notification.",
      main={"smtp_skip_5xx_greeting": "no"})
def refused_for_good_at_each_step(postfix):
    replies = {"BANNER": "554 5.3.2 not today", "HELO": "550 5.7.1 we know you", "MAIL": "553 5.1.8 sender refused",
               "RCPT": "550 5.1.1 no such user; see https://help.example/?hl=en&id=(1)", "DATA": "554 5.5.1 no data", "END": "554 5.7.1 looks like spam (score=12.3), refused"}
    yield from at_each_step(postfix, replies, "status=bounced")


@case("Refused for now at each step of the server.")
def refused_for_now_at_each_step(postfix):
    replies = {"BANNER": "421 4.3.2 too busy", "HELO": "450 4.7.1 not now", "MAIL": "451 4.7.1 greylisted", "RCPT": "450 4.2.1 mailbox busy",
               "DATA": "451 4.3.0 no data now", "END": "452 4.3.1 disk full"}
    yield from at_each_step(postfix, replies, "status=deferred")


@case("The server hangs up at each step.")
def hung_up_at_each_step(postfix):
    yield from at_each_step(postfix, dict.fromkeys(("BANNER", "HELO", "MAIL", "RCPT", "DATA", "END")), "status=deferred")


def at_each_step(postfix, replies, end):
    """A destination a step, the sink of which says the reply there; notifications go to a good one."""
    lines = [f"shop.test smtp:[127.0.0.1]:{Sink().port}\n"]
    for step, reply in replies.items():
        lines.append(f"{step.lower()}.test smtp:[127.0.0.1]:{Sink(**{step: reply}).port}\n")
    postfix.maps["transport"] = "".join(lines)
    postfix.main["transport_maps"] = "texthash:CONFIG/transport"
    postfix.main |= {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}
    yield
    for step in replies:
        postfix.send(recipients=[f"anna@{step.lower()}.test"])
    postfix.wait_for(end, len(replies))
    if end == "status=bounced":
        postfix.wait_for("status=sent", len(replies))


@case("Too long in the queue: qmgr's status=expired, a notification to the sender.", main={"maximal_queue_lifetime": "2s"})
def expired(postfix):
    postfix.maps["transport"] = f"shop.test smtp:[127.0.0.1]:{Sink().port}\n"
    postfix.main["transport_maps"] = "texthash:CONFIG/transport"
    relay_to(postfix, Sink(RCPT="450 4.2.0 mailbox busy"))
    yield
    postfix.send(recipients=["anna@remote.test", "berta@remote.test"])
    postfix.wait_for("status=expired")
    postfix.wait_for("status=sent")


@case("postsuper -e: status=force-expired (3.5 and later).")
def force_expired(postfix):
    postfix.maps["transport"] = f"shop.test smtp:[127.0.0.1]:{Sink().port}\n"
    postfix.main["transport_maps"] = "texthash:CONFIG/transport"
    relay_to(postfix, Sink(RCPT="450 4.2.0 mailbox busy"))
    yield
    postfix.send()
    postfix.wait_for("status=deferred")
    postfix.superuser("-e", postfix.waiting())
    postfix.flush()
    postfix.wait_for("force-expired")
    postfix.wait_for("status=sent")


@case("A bounce that bounces: with notify_classes the postmaster is told.", main={"notify_classes": "bounce, 2bounce", "bounce_notice_recipient": "postmaster@shop.test",
      "2bounce_notice_recipient": "postmaster@shop.test"})
def bounce_of_a_bounce(postfix):
    relay_to(postfix, Sink(RCPT="550 5.1.1 no such user"))
    yield
    postfix.send()
    postfix.send(sender="")
    postfix.wait_for(": removed", 6)


@case("A warning that delivery is late.", main={"delay_warning_time": "2s", "confirm_delay_cleared": "yes"})
def delay_warning(postfix):
    postfix.maps["transport"] = f"shop.test smtp:[127.0.0.1]:{Sink().port}\n"
    postfix.main["transport_maps"] = "texthash:CONFIG/transport"
    relay_to(postfix, Sink(RCPT=["450 4.2.0 mailbox busy"] * 4 + ["250 2.1.5 Ok"]))
    yield
    postfix.send()
    postfix.wait_for("delay notification")
    postfix.wait_for(": removed", 2)


@case("The sender asked to be told of success (NOTIFY=SUCCESS) of a server without DSN.", main={"smtp_discard_ehlo_keywords": "dsn"})
def success_notification(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.talk("MAIL FROM:<app@shop.test>", "RCPT TO:<anna@remote.test> NOTIFY=SUCCESS", "DATA", b"Subject: x\r\n\r\nbody\r\n.\r\n")
    postfix.wait_for(": removed", 2)


@case("A content filter as a hop: the mail comes back by another smtpd with the original queue id and client (XFORWARD), and `queued as` names the new one.",
      main={"syslog_name": "postfix-mx", "smtp_send_xforward_command": "yes"},
      services={"again": ["smtpd", "content_filter=", "smtpd_authorized_xforward_hosts=127.0.0.0/8", "syslog_name=postfix-mx/reinject"]})
def content_filter(postfix):
    relay_to(postfix, Sink())
    yield from through_the_filter(postfix)


@case("A content filter as a hop without XFORWARD; two recipients.", services={"again": ["smtpd", "content_filter="]})
def content_filter_without_xforward(postfix):
    relay_to(postfix, Sink())
    yield from through_the_filter(postfix)


def through_the_filter(postfix):
    real = postfix.write_configuration

    def with_filter(wired=True):
        real()
        text = (postfix.directories["config"] / "main.cf").read_text()
        postfix._write("main.cf", text + f"content_filter = smtp:[127.0.0.1]:{postfix.port['again']}\n")
    postfix.write_configuration = with_filter
    yield
    postfix.send(recipients=["anna@remote.test", "berta@remote.test"])
    postfix.wait_for(": removed", 2)


@case("Held by an access table, whose line comes before the queue id; released. Another is held and deleted.",
      maps={"senders": "hold@shop.test HOLD wait for me\n"}, main={"smtpd_sender_restrictions": "check_sender_access texthash:CONFIG/senders"})
def held_and_released(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send(sender="hold@shop.test")
    wait_until(postfix.held_messages, "a held message")
    postfix.superuser("-H", postfix.held())
    postfix.wait_for(": removed")
    postfix.send(sender="hold@shop.test")
    wait_until(postfix.held_messages, "a held message")
    postfix.superuser("-d", postfix.held())
    postfix.wait_for(": removed", 2)


@case("Held in the deferred queue by postsuper -h, released, then deleted by postsuper -d.")
def held_by_hand(postfix):
    relay_to(postfix, Sink(RCPT="450 4.2.0 busy"))
    postfix.main |= {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}
    yield
    postfix.send()
    postfix.wait_for("status=deferred")
    queue_id = postfix.waiting()
    postfix.superuser("-h", queue_id)
    postfix.superuser("-H", queue_id)
    postfix.superuser("-d", queue_id)
    postfix.wait_for(": removed")


@case("postsuper with ALL tells how many, not which.")
def superuser_all(postfix):
    relay_to(postfix, Sink(RCPT="450 4.2.0 busy"))
    postfix.main |= {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}
    yield
    postfix.send()
    postfix.send()
    postfix.wait_for("status=deferred", 2)
    for option in ("-h", "-H", "-e", "-d"):
        postfix.superuser(option, "ALL")


@case("postsuper -r: a new queue id by way of pickup, which names the old one.")
def requeued(postfix):
    relay_to(postfix, Sink(RCPT=["450 4.2.0 busy", "250 2.1.5 Ok"]))
    postfix.main |= {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}
    yield
    postfix.send()
    postfix.wait_for("status=deferred")
    postfix.superuser("-r", postfix.waiting())
    postfix.pick_up()
    postfix.wait_for(": removed")


@case("postsuper -f: released from hold and expired at once.", maps={"senders": "hold@shop.test HOLD wait\n"},
      main={"smtpd_sender_restrictions": "check_sender_access texthash:CONFIG/senders"})
def released_and_expired(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send(sender="hold@shop.test", recipients=["anna@remote.test"])
    wait_until(postfix.held_messages, "a held message")
    postfix.superuser("-f", postfix.held())
    postfix.wait_for(": removed", 2)


@case("Refusals of smtpd before there is a queue id, at each stage.", main={"smtpd_delay_reject": "no"},
      services={"connect": ["smtpd", "smtpd_client_restrictions=reject"], "helo": ["smtpd", "smtpd_helo_restrictions=reject"],
                "mail": ["smtpd", "smtpd_sender_restrictions=reject"], "rcpt": ["smtpd", "smtpd_recipient_restrictions=reject"],
                "data": ["smtpd", "smtpd_data_restrictions=reject"], "end": ["smtpd", "smtpd_end_of_data_restrictions=reject"],
                "etrn": ["smtpd", "smtpd_etrn_restrictions=reject"]})
def refused_by_smtpd(postfix):
    relay_to(postfix, Sink())
    yield
    for name in ("connect", "helo", "mail", "rcpt", "data", "end"):
        postfix.send(name=name)
    postfix.talk("ETRN remote.test", name="etrn")
    postfix.talk("VRFY anna@remote.test", name="rcpt")


@case("Refusals after a recipient was taken: they have a queue id.", maps={"recipients": "berta@remote.test 550 5.7.1 Not for you; from=<x> is no end (rule)\n"
      "carla@remote.test 450 4.7.1 Later\ndora@remote.test REJECT\nemil@remote.test 521 5.7.1 Go away\n"},
      main={"smtpd_recipient_restrictions": "check_recipient_access texthash:CONFIG/recipients"})
def refused_with_a_queue_id(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send(recipients=["anna@remote.test", "berta@remote.test", "carla@remote.test", "dora@remote.test"])
    postfix.send(recipients=["anna@remote.test", "emil@remote.test"])
    postfix.wait_for(": removed")


@case("The access actions that refuse nothing: WARN, INFO, DISCARD, FILTER, REDIRECT, HOLD, PREPEND, BCC, warn_if_reject.",
      maps={"recipients": "warn@remote.test WARN look here\ninfo@remote.test INFO seen\ndiscard@remote.test DISCARD quietly\nfilter@remote.test FILTER smtp:[127.0.0.1]:1\n"
            "redirect@remote.test REDIRECT other@remote.test\nhold@remote.test HOLD\nprepend@remote.test PREPEND X-Seen: yes\nbcc@remote.test BCC copy@remote.test\n"},
      main={"smtpd_recipient_restrictions": "check_recipient_access texthash:CONFIG/recipients", "minimal_backoff_time": "1h", "maximal_backoff_time": "1h"},
      services={"warn-only": ["smtpd", "smtpd_recipient_restrictions=warn_if_reject check_recipient_access static:REJECT"]})
def other_actions(postfix):
    relay_to(postfix, Sink())
    yield
    for name in ("warn", "info", "discard", "filter", "redirect", "hold", "prepend", "bcc"):
        postfix.send(recipients=[f"{name}@remote.test"])
        postfix.send(recipients=["anna@remote.test", f"{name}@remote.test"])
    postfix.send(name="warn-only")
    time.sleep(0.5)


def milter_services(answers):
    return {name: ["smtpd", f"smtpd_milters={Milter(*answer).endpoint}"] for name, answer in answers.items()}


@case("Refusals by a filter at each stage, with a reply of its own: smtpd's lines have the code, cleanup's has not.")
def refused_by_a_filter(postfix):
    relay_to(postfix, Sink())
    reply = b"y550 5.7.1 Sender not allowed for this client (sender_not_allowed)\0"
    postfix.services = milter_services({step.lower(): (step, reply) for step in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "EOH", "END")})
    yield
    for name in postfix.services:
        postfix.send(name=name)


@case("Deferrals by a filter at each stage, with the standard words.")
def deferred_by_a_filter(postfix):
    relay_to(postfix, Sink())
    postfix.services = milter_services({step.lower(): (step, b"t") for step in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "EOH", "END")})
    yield
    for name in postfix.services:
        postfix.send(name=name)


@case("A filter discards at each stage; at the end of the message one quarantines and one is gone.", main={"milter_default_action": "tempfail"})
def discarded_and_held_by_a_filter(postfix):
    relay_to(postfix, Sink())
    postfix.services = milter_services({step.lower(): (step, b"d") for step in ("MAIL", "RCPT", "DATA", "END")}
                                       | {"quarantine": ("END", b"qlook at it\0", b"c"), "shutdown": ("MAIL", b"4")})
    postfix.services["gone"] = ["smtpd", "smtpd_milters=inet:127.0.0.1:1"]
    yield
    for name in postfix.services:
        postfix.send(name=name)
    time.sleep(0.5)


@case("header_checks, body_checks and milter_header_checks: the reply stands at the line's end.",
      maps={"headers": "/^Subject: reject/ REJECT no such subject\n/^Subject: plain/ REJECT\n/^Subject: warn/ WARN look\n/^Subject: hold/ HOLD by subject\n/^Subject: discard/ DISCARD by subject\n"
            "/^Subject: filter/ FILTER smtp:[127.0.0.1]:1\n/^Subject: redirect/ REDIRECT other@remote.test\n/^Subject: prepend/ PREPEND X-A: b\n/^Subject: replace/ REPLACE Subject: new\n"
            "/^Subject: strip/ STRIP\n/^Subject: info/ INFO\n", "bodies": "/^forbidden/ REJECT not in the body\n", "added": "/^X-Spam: yes/ REJECT spam\n/^X-Spam: hold/ HOLD spam\n"},
      main={"header_checks": "regexp:CONFIG/headers", "body_checks": "regexp:CONFIG/bodies", "milter_header_checks": "regexp:CONFIG/added"})
def header_checks(postfix):
    relay_to(postfix, Sink())
    postfix.services = milter_services({value: ("END", b"hX-Spam\0" + value.encode() + b"\0", b"c") for value in ("yes", "hold")})
    yield
    for subject in ("reject me; from=<a@b> and from x[1]", "plain", "warn", "hold", "discard", "filter", "redirect", "prepend", "replace", "strip", "info"):
        postfix.send(message=f"Subject: {subject}\r\n\r\nbody\r\n")
    postfix.send(message="Subject: x\r\n\r\nforbidden words\r\n")
    postfix.send(name="yes")
    postfix.send(name="hold")
    time.sleep(0.5)


@case("soft_bounce=yes: refusals for good are told as SOFTBOUNCE and tried again; smtpd says 4xx.", main={"soft_bounce": "yes", "minimal_backoff_time": "1h"},
      maps={"recipients": "dora@remote.test REJECT\n"})
def soft_bounce(postfix):
    postfix.main["smtpd_recipient_restrictions"] = "check_recipient_access texthash:CONFIG/recipients"
    relay_to(postfix, Sink(RCPT="550 5.1.1 no such user"))
    yield
    postfix.send(recipients=["anna@remote.test", "dora@remote.test"])
    postfix.wait_for("SOFTBOUNCE|status=")


@case("Submission with a login; a refused login; two messages in one session.",
      services={"submission": ["smtpd", "syslog_name=postfix/submission", "smtpd_sasl_auth_enable=yes", "smtpd_sasl_path=auth/socket", "smtpd_sasl_type=dovecot",
                               "smtpd_relay_restrictions=permit_sasl_authenticated, reject"]})
def submission(postfix):
    relay_to(postfix, Sink())
    yield
    folder = postfix.queue / "auth"
    folder.mkdir()
    shutil.chown(folder, None, "postfix")
    folder.chmod(0o750)
    with LoginServer(folder / "socket"):
        def plain(password):
            return "AUTH PLAIN " + base64.b64encode(f"\0tenant-a@shop.test\0{password}".encode()).decode()
        postfix.talk(plain("wrong"), name="submission")
        postfix.send(name="submission")
        message = ["MAIL FROM:<app@shop.test> AUTH=<boss@shop.test>", "RCPT TO:<anna@remote.test>", "DATA", b"Subject: x\r\n\r\nbody\r\n.\r\n"]
        postfix.talk(plain(LoginServer.PASSWORD), *message, *message, name="submission")
        postfix.wait_for(": removed", 2)


@case("Short queue ids.", main={"enable_long_queue_ids": "no"})
def short_queue_ids(postfix):
    relay_to(postfix, Sink(RCPT=["250 2.1.5 Ok", "550 5.1.1 no such user", "250 2.1.5 Ok"]))
    yield
    postfix.send()
    postfix.send(recipients=["berta@remote.test"])
    postfix.wait_for(": removed", 3)


@case("Address verification: probes are delivered nowhere.", main={"smtpd_recipient_restrictions": "reject_unverified_recipient", "address_verify_map": "",
      "address_verify_poll_count": "5", "address_verify_poll_delay": "1s", "unverified_recipient_reject_reason": "Address lookup failed"})
def address_verification(postfix):
    relay_to(postfix, Sink(RCPT=["250 2.1.5 Ok", "250 2.1.5 Ok", "550 5.1.1 no such user"]))
    yield
    postfix.send()
    postfix.wait_for(": removed", 2)
    postfix.send(recipients=["berta@remote.test"])
    postfix.wait_for("undeliverable")


@case("Local delivery: an alias to several places (orig_to, forwarded as), a command, a file, an unknown user.",
      main={"mydestination": "local.test", "alias_maps": "texthash:CONFIG/aliases", "alias_database": "", "local_recipient_maps": "", "allow_mail_to_commands": "alias", "allow_mail_to_files": "alias"},
      maps={"aliases": "team anna@remote.test, berta@remote.test\nwork \"|/bin/true\"\nbroken \"|/bin/false\"\nbusy \"|exit 75\"\narchive /dev/null\n"})
def local_delivery(postfix):
    relay_to(postfix, Sink())
    yield
    for name in ("team", "work", "broken", "busy", "archive", "nobody-here"):
        postfix.send(recipients=[f"{name}@local.test"], sender="" if name == "broken" else "app@shop.test")
    time.sleep(1.5)


@case("Virtual aliases: one recipient becomes three, two of them the same as another's; a copy to an archive (always_bcc).",
      main={"virtual_alias_maps": "texthash:CONFIG/virtual", "virtual_alias_domains": "lists.test", "always_bcc": "archive@remote.test"},
      maps={"virtual": "all@lists.test anna@remote.test, berta@remote.test, carla@remote.test\n"})
def virtual_aliases(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send(recipients=["all@lists.test", "anna@remote.test", "nobody@lists.test"])
    postfix.wait_for(": removed")


@case("Other delivery agents: virtual, pipe, lmtp on a unix socket and by inet, discard, error and retry.",
      main={"transport_maps": "texthash:CONFIG/transport", "virtual_mailbox_domains": "virtual.test", "virtual_mailbox_base": "/nonexistent", "virtual_mailbox_maps": "static:x",
            "virtual_uid_maps": "static:65534", "virtual_gid_maps": "static:65534", "minimal_backoff_time": "1h"},
      maps={"exit-67": "exit 67\n", "master-pipes": "true unix - n n - - pipe flags= user=nobody argv=/bin/true\nunknown unix - n n - - pipe flags= user=nobody argv=/bin/sh CONFIG/exit-67\n"})
def other_agents(postfix):
    postfix.maps["transport"] = (f"true.test true:\nunknown.test unknown:\nunix.test lmtp:unix:private/no-such-lmtp\ninet.test lmtp:inet:127.0.0.1:{Sink(BANNER='220 lmtp ready').port}\n"
                                 "gone.test discard:into the void\nno.test error:5.1.2 we do not go there\nlater.test retry:4.3.2 closed (for now)\n")
    yield
    for domain in ("virtual", "true", "unknown", "unix", "inet", "gone", "no", "later"):
        postfix.send(recipients=[f"anna@{domain}.test"], sender="")
    time.sleep(1.5)


@case("An instance with a name of its own, and a service with two more.", main={"syslog_name": "postfix-out", "multi_instance_name": "postfix-out"},
      services={"deep": ["smtpd", "syslog_name=postfix-out/content/filter"]})
def instance_with_a_name(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send()
    postfix.send(name="deep")
    postfix.wait_for(": removed", 2)


@case("A syslog_name that does not say postfix.", main={"syslog_name": "mx1/out"})
def name_without_postfix(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.send()
    postfix.wait_for(": removed")


@case("Sessions that end badly, and odd commands.", main={"smtpd_timeout": "2s", "smtpd_hard_error_limit": "3", "smtpd_soft_error_limit": "2"})
def sessions_that_end_badly(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.talk("MAIL FROM:<app@shop.test>", "RCPT TO:<anna@remote.test>", None)
    postfix.talk("MAIL FROM:<app@shop.test>", "RCPT TO:<anna@remote.test>", "DATA", None)
    postfix.talk(None, hello=False)
    postfix.talk("FOO", "FOO", "FOO", "FOO", "FOO")
    with socket.create_connection(("127.0.0.1", postfix.port["smtp"])) as idle:
        idle.sendall(b"EHLO client.test\r\nMAIL FROM:<app@shop.test>\r\n")
        postfix.wait_for("timeout after")


@case("Addresses in quotes and in Unicode, with what looks like the log's own signs in them.", main={"smtputf8_enable": "yes", "smtputf8_autodetect_classes": "all"})
def strange_addresses(postfix):
    relay_to(postfix, Sink())
    yield
    odd = ['"a b"@remote.test', '"x>, relay=none, status=sent (y"@remote.test', '"quo\\"te\\\\"@remote.test', "plus+tag=1@remote.test", "<@hop.test:anna@remote.test>"[1:-1]]
    postfix.send(sender='"odd sender, size=1"@shop.test', recipients=odd)
    postfix.talk("MAIL FROM:<jörg@bücher.test> SMTPUTF8", "RCPT TO:<élise@müller.test>", "DATA", "Subject: Grüße\r\n\r\nbody\r\n.\r\n".encode())
    postfix.wait_for(": removed", 2)


@case("Message-IDs: none, empty, without brackets, folded, resent, in another script.", main={"always_add_missing_headers": "no"})
def message_ids(postfix):
    relay_to(postfix, Sink())
    yield
    for head in ("", "Message-ID:\r\n", "Message-ID: without-brackets\r\n", "Message-ID:\r\n <folded@shop.test>\r\n", "Message-ID: <two words@shop.test> (comment)\r\n",
                 "Message-ID: <old@shop.test>\r\nResent-Message-ID: <again@shop.test>\r\nResent-From: <app@shop.test>\r\n", "Message-ID: <größe@shop.test>\r\n"):
        postfix.send(message=f"Subject: x\r\n{head}\r\nbody\r\n")
    postfix.wait_for(": removed", 7)


@case("Local submission: pickup's line; one of them to nobody.")
def pickup(postfix):
    relay_to(postfix, Sink())
    yield
    postfix.sendmail("app@shop.test", ["anna@remote.test"], b"Subject: x\n\nbody\n")
    postfix.sendmail("", ["anna@remote.test"], b"Subject: x\n\nbody\n")
    postfix.wait_for(": removed", 2)


@case("A client's port in the log, IPv6 clients, an unknown one.", main={"smtpd_client_port_logging": "yes"})
def client_addresses(postfix):
    relay_to(postfix, Sink())
    yield
    for client in ("NAME=app.shop.test ADDR=IPV6:2001:db8::25 PORT=50000", "NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=50001", "NAME=app.shop.test ADDR=192.0.2.8 PORT=[UNAVAILABLE]"):
        postfix.send(before=(f"XCLIENT {client}", "EHLO client.test"))


@case("A filter before the queue (smtpd_proxy_filter).", main={"smtpd_proxy_timeout": "5s"})
def proxy_filter(postfix):
    relay_to(postfix, Sink())
    postfix.services = {"pass": ["smtpd", f"smtpd_proxy_filter=127.0.0.1:{Sink().port}"], "refuse": ["smtpd", f"smtpd_proxy_filter=127.0.0.1:{Sink(END='554 5.7.1 spam').port}"]}
    yield
    postfix.send(name="pass")
    postfix.send(name="refuse")


@case("postscreen's lines, which name the client's address only.", main={"postscreen_access_list": "permit_mynetworks", "postscreen_cache_map": "internal:x"},
      services={"screen": ["postscreen"]}, maps={"master-inside": "smtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n", "denied": "127.0.0.1 reject\n"})
def postscreen(postfix):
    postfix.main |= {"postscreen_access_list": "cidr:CONFIG/denied", "postscreen_blacklist_action": "enforce", "postscreen_cache_map": "", "postscreen_greet_wait": "1s"}
    relay_to(postfix, Sink())
    yield
    postfix.send(name="screen")
    time.sleep(0.5)
