"""A server process that the benchmark started: waited for, looked at while it works, stopped."""
import os
import pathlib
import socket
import subprocess
import time

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
START_LIMIT = 120      # seconds; 100,000 tenants take a while to compile
STOP_LIMIT = 20


class Failed(Exception):
    """The benchmark cannot go on; the text says why."""


class Server:
    def __init__(self, command, socket_path, log_path):
        self.name = pathlib.Path(command[0]).name
        self.socket_path = socket_path
        self.log_path = log_path
        began = time.monotonic()
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_until_ready(began + START_LIMIT)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until_ready(self, deadline):
        while not self.answers():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended at once: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} did not listen within {START_LIMIT} s: {self.last_words()}")
            time.sleep(0.01)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket_path)) == 0

    def last_words(self):
        return self.log_path.read_text(errors="replace")[-2000:].strip() or "(it said nothing)"

    def cpu_seconds(self):
        """User and system time of all its threads, also of those that ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    def memory_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Failed(f"{self.name} ended during the run: {self.last_words()}")

    def stop(self):
        """Ends this process and no other; it may drain first."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        pathlib.Path(self.socket_path).unlink(missing_ok=True)
