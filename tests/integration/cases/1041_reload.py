"""mailcorectl reload takes another webhook address and the events that wait go there; a bad configuration changes nothing"""

from harness.claims import claim, claim_equal
from harness.outcomes import SECRET, following
from harness.receiver import Receiver
from harness.waiting import wait_until

CONFIG = "default"


def run(gate):
    with following(gate) as outcomes, Receiver(SECRET.encode()) as another:
        outcomes.send("first@example.com")
        outcomes.wait_for_queue(pending=0, sending=0, sent=1)     # not only asked: its answer was heard
        outcomes.receiver.stop()
        outcomes.send("second@example.com")
        wait_until(lambda: outcomes.events("webhook_failing"), "the first application to be missed")
        check_bad_configuration(outcomes)
        first, outcomes.receiver = outcomes.receiver, another
        outcomes.write_config()
        outcomes.ctl("reload")
        another.wait_for(recipient="second@example.com")
        outcomes.send("third@example.com")
        another.wait_for(recipient="third@example.com")
        claim_equal([event["recipient"] for event in first.taken()], ["first@example.com"], "told to the first application")
        claim_equal([event["recipient"] for event in another.taken()], ["second@example.com", "third@example.com"], "told to the other")
        another.claim_well_made()
        outcomes.wait_for_queue(pending=0, sending=0, sent=3)
        check_another_secret(outcomes)


def check_bad_configuration(outcomes):
    good = outcomes.config.read_text()
    outcomes.config.write_text(good + "outcome: {}\n")
    done = outcomes.try_ctl("reload")
    claim(done.returncode != 0 and "outcome" in done.stdout + done.stderr, f"a bad configuration is answered by {done}")
    outcomes.config.write_text(good)
    claim_equal(outcomes.queue()["pending"] + outcomes.queue()["sending"], 1, "events that wait")


def check_another_secret(outcomes):
    """Taken without a reload."""
    outcomes.secret_file.write_text("another-" + SECRET)
    outcomes.receiver.secret = b"another-" + SECRET.encode()
    outcomes.send("fourth@example.com")
    outcomes.receiver.wait_for(recipient="fourth@example.com")
