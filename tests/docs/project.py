"""What the tests of the documents share: where things are, and how the programs are run."""

import argparse
import atexit
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("mailcore-policy", "mailcore-milter", "mailcore-outcomes", "mailcorectl")
BUILD = ROOT / "build" / "dev"


def main():
    """Run the calling file's tests on the build named by --build."""
    global BUILD
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])


def program(name):
    path = BUILD / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built; ./dev build dev")
    return path


def output_of(*command, status=0, **options):
    """Standard output of a command that ends as expected."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}, not {status}:\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout


def scratch_file(name, text):
    """A file with this text that goes when the tests end."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mailcore-docs-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = directory / name
    path.write_text(text)
    return path


def markdown_pages():
    """The project's own pages, not those below build/."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md"), *ROOT.glob("bench/**/*.md")]
    return sorted(pages)


def fenced_blocks(page):
    """(info string, text) of each fenced block."""
    return re.findall(r"(?ms)^```([^\n]*)\n(.*?)^```$", page.read_text())
