"""The active relay switched under load, with the reload two seconds late, bounces no message

Each smtp(8) serves a few messages (max_use), and the next one opens the new maps at once, while the queue manager still
routes by the old: the gap in which mail bounced where the former relay's line was gone."""

import threading
import time

from harness.claims import claim, claim_equal
from harness.waiting import wait_until

LATE_SECONDS = 2


def parts(site):
    yield "by use", lambda site: switched(site, lambda: site.sync.run("use", "other"))
    yield "by taking the former relay out of the configuration", lambda site: switched(site, lambda: take_out(site))


def take_out(site):
    """The new generation does not name the former relay at all: its line is there because it is carried."""
    del site.sync.settings["relays"]["primary"]
    site.sync.settings["active"] = "other"
    return site.sync.once()


def switched(site, switch):
    site.provide()
    site.provide("second", name="other", user="other-app")
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.once()
    site.sync.settings["postfix"]["reload"] = "never"
    with Senders(site) as senders:
        senders.wait_for(20)
        switch().says("reload")
        site.claim_reloads(1)
        site.claim_generation(2)
        time.sleep(LATE_SECONDS)
        site.relay_host.reload()
        senders.wait_for(20)
    wait_until(lambda: len(site.sink.all()) >= senders.count, lambda: f"{senders.count} deliveries; {len(site.sink.all())}")
    claim_equal(site.relay_host.bounces_since(site.log_mark), [], "bounces")
    log = site.relay_host.log_text()[site.log_mark:]
    claim_equal([line for line in log.splitlines() if "said: 530" in line], [], "answers 530")
    delivered = [recipient for message in site.sink.all() for recipient in message.recipients]
    claim_equal(len(delivered), len(set(delivered)), "deliveries and recipients")
    site.claim_mail_flows("other-app", "second")
    claim(site.login_in_postfix() is not None, "the former relay's line was not carried")
    site.sync.settings["relays"] = {"other": site.relay("other")}
    site.sync.settings["active"] = "other"
    for _ in range(2):
        site.provide("second", name="other", user="other-app")
        site.sync.once()
    claim_equal(site.login_in_postfix(), None, "the line of a relay that two generations do not name")


class Senders:
    """Three clients that inject message after message."""

    def __init__(self, site):
        self.site, self.count, self.is_over = site, 0, threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.send, args=(number,), daemon=True) for number in range(3)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def send(self, sender):
        number = 0
        while not self.is_over.wait(0.03):
            self.site.relay_host.send(f"load{sender}-{number}@example.com", f"app{sender}@sender.test")
            number += 1
            with self.lock:
                self.count += 1

    def wait_for(self, more):
        aim = self.count + more
        wait_until(lambda: self.count >= aim, f"{aim} messages to be injected")
