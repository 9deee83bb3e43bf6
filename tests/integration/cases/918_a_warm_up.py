"""A limit that warms up lets pass exactly the number of the day

It doubles every second day and began six days ago: three doublings, also if midnight comes meanwhile."""

import datetime

from harness.claims import claim, claim_equal
from harness.expectations import Happenings
from harness.limits import Application, claim_delivered, ctl, limits_of

CONFIG = "limits"

CONFIGURATION = """
tenants:
  growing:
    clients: [10.0.0.250]
    senders: ["@growing.example"]
    limits:
    - {{messages: 1000, per: 1d, warmup: {{from: {begun}, start: 2/1d, double_every: 2d, until: 1000/1d}}}}
  starting:
    clients: [10.0.1.1]
    senders: ["@starting.example"]
    limits:
    - {{messages: 1000, per: 1d, burst: 50, warmup: {{from: {later}, start: 3/1d, double_every: 2d, until: 1000/1d}}}}
  grown:
    clients: [10.0.2.1]
    senders: ["@grown.example"]
    limits:
    - {{messages: 20, per: 1d, burst: 4, warmup: {{from: {begun}, start: 2/1d, double_every: 1d, until: 20/1d}}}}
"""


def run(gate):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    begun, later = today - datetime.timedelta(days=6), today + datetime.timedelta(days=9)
    gate.write_config(CONFIGURATION.format(begun=begun, later=later))
    ctl(gate, "reload")
    happenings = Happenings(gate)
    growing = Application(gate, "a@growing.example", "10.0.0.250")
    starting = Application(gate, "a@starting.example", "10.0.1.1")
    grown = Application(gate, "a@grown.example", "10.0.2.1")
    for application, number in ((growing, 16), (starting, 3), (grown, 4)):
        with application:
            application.passes_exactly(number)
    entry, = limits_of(gate, "growing")
    claim_equal((entry["number"], entry["burst"], entry["used"], entry["left"]), (16, 16, 16, 0),
                "today's limit, as listed")
    claim(entry["free_at"], "the next free time is not said")
    claim_delivered(gate, happenings, [growing, starting, grown])
