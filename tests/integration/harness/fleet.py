"""A fleet: another relay host beside the gate, which shares its Redis.

    with another_host(gate, CONFIG_FILE) as other:
        other.connect(...)

It has a Postfix, daemons and a state directory of its own; its mail goes to the same sink."""

import contextlib

from .gate import Gate
from .waiting import CaseFailure


class AnotherHost(Gate):
    def __init__(self, gate):
        super().__init__(gate.build)
        self.sink, self.redis = gate.sink, gate.redis

    def _provide_surroundings(self):
        pass   # they are the first host's, which starts and stops them

    def _provide_redis(self, is_wanted):
        pass

    def close(self):
        self._take_down()


@contextlib.contextmanager
def another_host(gate, config):
    """Judged as the first host is: its queue is empty in the end, its daemons live and end well."""
    with AnotherHost(gate) as other:
        other.mark_logs()
        try:
            other.use_config(config)
            yield other
            other.postfix.wait_until_idle()
            other.stop_daemons()
        except CaseFailure as failure:
            raise CaseFailure(f"{failure}\n=== the other host\n{other.report()}") from None
