"""The active relay switched under load, with the reload two seconds late, bounces no message"""

import threading
import time

from harness.claims import claim, claim_equal
from harness.waiting import wait_until

LATE_SECONDS = 2


def run(site):
    site.provide()
    site.provide("second", name="other", user="other-app")
    site.sync.settings["relays"]["other"] = site.relay("other")
    site.sync.once()
    site.sync.settings["postfix"]["reload"] = "never"
    with Senders(site) as senders:
        senders.wait_for(20)
        site.sync.run("use", "other").says("reload")
        site.claim_reloads(1)
        time.sleep(LATE_SECONDS)
        site.relay_host.reload()
        senders.wait_for(20)
    claim_equal(site.relay_host.bounces_since(site.log_mark), [], "bounces")
    site.relay_host.flush()
    wait_until(lambda: len(site.sink.all()) >= senders.count, lambda: f"{senders.count} deliveries; {len(site.sink.all())}")
    delivered = [recipient for message in site.sink.all() for recipient in message.recipients]
    claim_equal(len(delivered), len(set(delivered)), "deliveries and recipients")
    site.claim_mail_flows("other-app", "second")
    claim(senders.count >= 40, f"only {senders.count} messages")
    # The one after drops what was carried.
    claim(site.login_in_postfix() is not None, "the former relay's line was not carried")
    del site.sync.settings["postfix"]["reload"]
    site.provide("second", name="other", user="other-app")
    del site.sync.settings["relays"]["primary"]
    site.sync.settings["active"] = "other"
    site.sync.once()
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
