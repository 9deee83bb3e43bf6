"""A full disk and a read-only directory change nothing, are said, and heal when they end"""

import contextlib
import subprocess

from harness.waiting import HarnessError


def parts(site):
    yield "a full disk", full
    yield "a read-only directory", read_only


@contextlib.contextmanager
def own_file_system(site):
    """The output directory on a small file system of its own."""
    output = site.relay_host.output
    output.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", output)
    try:
        yield output
    finally:
        subprocess.run(["umount", "-l", output], check=True)


def _mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise HarnessError(f"this story needs the right to mount: {done.stderr.strip()}")


def full(site):
    with own_file_system(site) as output:
        def fill():
            with open(output / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while True:
                    ballast.write(b"x" * 4096)
        struck(site, fill, (output / "ballast").unlink, "space|ENOSPC")


def read_only(site):
    with own_file_system(site) as output:
        struck(site, lambda: _mount("-o", "remount,ro", output), lambda: _mount("-o", "remount,rw", output), "read-only")


def struck(site, begin, end, words):
    old = site.provide()
    site.sync.once()
    site.claim_mail_flows()
    new = site.provide()
    begin()
    site.sync.once(expect=1).says(words)
    site.claim_generation(1)
    site.claim_in_postfix(old)
    end()
    site.sync.once()
    site.claim_in_postfix(new)
    site.claim_mail_flows()
