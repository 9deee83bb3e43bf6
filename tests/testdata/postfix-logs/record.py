#!/usr/bin/env python3
"""Records the cases 001 to 099 of this folder: what the Postfix of this machine writes about each outcome.

    sudo tests/testdata/postfix-logs/record.py [--to DIRECTORY] [--first N] [NAME...]

Each case of record_cases.py starts a private Postfix (tests/integration/harness), makes it do one thing and keeps its
lines. The expected fields are then written by the unit test (MAILCORE_REWRITE_EXPECTED=1) and read by a person."""

import argparse
import datetime
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from record_stand import Recorded   # first: it makes the integration harness known
from record_cases import CASES

HERE = pathlib.Path(__file__).resolve().parent

# Without a part in any outcome; the first case keeps them.
DULL = re.compile(r"/(master|postfix-script|anvil|postlogd|scache|verify)\[|\]: (connect from|disconnect from|statistics|warning: non-SMTP command|warning: /srv)")


def kept_lines(text, folder, keep_dull):
    for line in text.replace(str(folder), "/srv/private").splitlines():
        if keep_dull or not DULL.search(line):
            yield line


def record(number, case, target):
    name, note, main, services, maps, function = case
    folder = pathlib.Path(tempfile.mkdtemp(prefix="record-"))
    folder.chmod(0o755)
    postfix = Recorded(folder, dict(main), services, dict(maps))
    began = datetime.datetime.now(datetime.timezone.utc)
    try:
        steps = function(postfix)
        next(steps, None)   # what must be there before Postfix starts
        postfix.prepare()
        with postfix:
            for _ in steps:
                pass
            time.sleep(0.7)
        lines = list(kept_lines(postfix.log(), folder, "keep everything" in note))
    finally:
        shutil.rmtree(folder)
    version = subprocess.run(["postconf", "-h", "mail_version"], capture_output=True, text=True, check=True).stdout.strip()
    head = [f"# {note.replace(' (keep everything)', '')} Recorded from Postfix {version}.",
            f"# reference {(began + datetime.timedelta(hours=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}", "# zone UTC"]
    path = target / f"{number:03}-{name}.log"
    path.write_text("\n".join(head + lines) + "\n", errors="surrogateescape")
    print(path.name, len(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=pathlib.Path, default=HERE)
    parser.add_argument("--first", type=int, default=1, help="number of the first case to record")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    for number, one in enumerate(CASES, 1):
        if number >= options.first and (not options.names or any(name in one[0] for name in options.names)):
            record(number, one, options.to)


if __name__ == "__main__":
    main()
