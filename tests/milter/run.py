#!/usr/bin/env python3
"""Runs the milter's protocol tests against the real binary: miltertest scripts (*.lua) and raw clients (test_*.py).

    tests/milter/run.py --binary PATH [--only WORD] [-v]

One line per claim; the very last line is `N passed, M failed`. Exit status 0 only when nothing failed."""

import argparse
import importlib
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import traceback

from daemon import Failure, Milter

HERE = pathlib.Path(__file__).resolve().parent
SECONDS_PER_SCRIPT = 120


def play_script(binary, path):
    with Milter(binary) as milter:
        done = subprocess.run(["miltertest", "-D", f"socket=unix:{milter.socket}", "-D", f"folder={HERE}", "-s", path],
                              capture_output=True, text=True, timeout=SECONDS_PER_SCRIPT)
        if done.returncode != 0:
            raise Failure(f"miltertest ended with {done.returncode}: {done.stdout}{done.stderr}")


def scripts(binary):
    """A script's first line is its claim."""
    for path in sorted(HERE.glob("[0-9]*.lua")):
        claim = path.read_text().splitlines()[0].lstrip("- ")
        yield f"{path.stem}: {claim}", lambda path=path: play_script(binary, path)


def functions(binary):
    """A test function's docstring is its claim; it is given the binary."""
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if name.startswith("test_"):
                yield f"{path.stem}.{name}: {function.__doc__.splitlines()[0]}", lambda function=function: function(binary)


def report(exception):
    """Where in the test, what, and the notes: what the milter said."""
    places = [f"{frame.filename}:{frame.lineno}: {frame.line}\n" for frame in traceback.extract_tb(exception.__traceback__)
              if pathlib.Path(frame.filename).name.startswith("test_")]
    return "".join(places[:1] + traceback.format_exception_only(exception))


def hold(claim, test):
    """Did it? Prints how it went."""
    began = time.monotonic()
    problem = None
    try:
        test()
    except Exception as exception:
        problem = report(exception)
    print(f"{'FAIL' if problem else 'ok  '} {claim}  {time.monotonic() - began:.2f}s", flush=True)
    if problem:
        print("".join(f"     {line}\n" for line in problem.splitlines()), end="", flush=True)
    return problem is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=pathlib.Path, help="the mailcore-milter to test")
    parser.add_argument("--only", default="", metavar="WORD", help="tests whose name or claim holds this")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that `with` cleans up
    binary = options.binary.resolve()
    chosen = [(claim, test) for claim, test in (*scripts(binary), *functions(binary)) if options.only in claim]
    if not shutil.which("miltertest"):
        print("FAIL miltertest is not installed: apt-get install miltertest")
        results = [False]
    else:
        results = [hold(claim, test) for claim, test in chosen]
    passed = results.count(True)
    print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if results and passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
