"""No secret shows anywhere: not in what is printed, logged, kept or audited, not in any process listing or environment.

`Lookout` looks at /proc again and again while the stories run; `search` reads every file at the end. What may hold
secrets: the generations' sasl_passwd, and the operator's own files (`given/`), which the stories wrote."""

import os
import pathlib
import re
import threading

from . import secrets

MAY_HOLD_SECRETS = re.compile(r"/generations/[^/]+/sasl_passwd(\.[a-z]+)?$|/given/")
VAULT_TOKEN = re.compile(rb"\b(?:hvs|hvb|s)\.[A-Za-z0-9_-]{24,}")
PAUSE_SECONDS = 0.02

_given_environments = {}      # pid: the bytes of what we gave it ourselves
starting = threading.Lock()   # held by whoever starts a process, until it is known whether it was given secrets


def first_leak(data):
    """What leaks in these bytes, as words without the secret; None if nothing does."""
    return first_own_leak(data) or first_token(data)


def first_own_leak(data):
    for needle, kind in secrets.needles().items():
        if needle in data:
            position = data.index(needle)
            label = re.match(rb"sekret[0-9a-f]*-[a-z]*", data[position:position + 40])
            return f"{kind}{f' ({label[0].decode()}…)' if label else ''} at byte {position}"
    return None


def first_token(data):
    """A token that a server made for vault-sync, which nobody could register."""
    found = VAULT_TOKEN.search(data)
    return f"a Vault token at byte {found.start()}" if found else None


def expect_environment_of(pid, environment):
    """This process was given secrets in its environment by a story; its children may not have them."""
    if any(first_leak(value.encode()) for value in environment.values()):
        _given_environments[pid] = True


class Lookout(threading.Thread):
    """Looks at every process of the machine but ours: argv, and the environment."""

    def __init__(self):
        super().__init__(daemon=True)
        self.is_over = threading.Event()
        self.leaks = {}
        self.looks = 0
        self.seen = set()
        self.clean = {}       # (pid, file): what was read there, searched for how many needles; the same needs no second search

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()

    def run(self):
        try:
            while not self.is_over.wait(PAUSE_SECONDS):
                self.looks += 1
                self.look()
        except Exception as problem:   # or a lookout that ended early would pass for one that saw nothing
            self.leaks["the lookout"] = f"the lookout ended early: {problem!r}"

    def look(self):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                for name in ("cmdline", "environ"):
                    self._look_at(int(entry.name), name)

    def _look_at(self, pid, name):
        data = _read(pid, name)
        if data is None:
            return
        self.seen.add(pid)
        state = data, len(secrets.needles())
        if self.clean.get((pid, name)) == state:
            return
        own, token = first_own_leak(data), first_token(data)
        if not own and not token:
            self.clean[pid, name] = state
        elif not (name == "environ" and _was_given(pid, data)) and (leak := own or (token if _descends_from_us(pid) else None)):
            command = data if name == "cmdline" else _command_of(pid)
            program = command.split(b"\0")[0].decode(errors="replace")
            self.leaks.setdefault((program, name), f"/proc/{pid}/{name} of {program}: {leak}")


def _was_given(pid, data):
    """This environment is one that a story gave: the process's own, or its parent's while it is no other program yet.

    Between posix_spawn's clone and exec a child looks at its parent's memory, and so does LeakSanitizer's tracer. One that
    has become another program since `data` was read is judged by what it has then, at the next look; of one that is gone
    nobody can tell any more."""
    with starting:
        if pid in _given_environments:
            return True
    parent = _parent(pid)
    if parent in _given_environments:
        return _image(pid) == _image(parent) or _read(pid, "environ") != data
    return parent == 0


def _image(pid):
    """Where its code, stack, arguments and environment lie (proc(5)): an exec changes it."""
    fields = _stat(pid)
    return fields and [fields[number - 3] for number in (26, 27, 28, 48, 49, 50, 51)]


def _parent(pid):
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid):
    """From the third field on; empty where it is gone."""
    return (_read(pid, "stat") or b"").rpartition(b")")[2].split()


def _read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return None


def _descends_from_us(pid):
    """Another run on this machine has tokens of its own in its processes' environments."""
    while pid > 1:
        pid = _parent(pid)
        if pid == os.getpid():
            return True
    return False


def _command_of(pid):
    return _read(pid, "cmdline") or b"?"


def search(folder):
    """[path: what leaks there] below a folder."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_symlink() or not path.is_file() or MAY_HOLD_SECRETS.search(str(path)):
            continue
        try:
            leak = first_leak(path.read_bytes())
        except OSError:
            continue
        if leak:
            found.append(f"{path}: {leak}")
    return found


def core_files(folder):
    return [str(path) for path in pathlib.Path(folder).rglob("core*")
            if path.is_file() and re.fullmatch(r"core(\.\d+)?", path.name)]
