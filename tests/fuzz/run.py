#!/usr/bin/env python3
"""Hunts with libFuzzer: each target for a while, two at a time; prints a table.

    tests/fuzz/run.py [--seconds N] [--build DIRECTORY] [--keep] [TARGET...]

The build directory is that of the preset `fuzz` (cmake --preset fuzz; cmake --build --preset fuzz). What is found stays
below DIRECTORY/fuzz-work/TARGET/; with --keep findings are also copied into tests/fuzz/corpus/TARGET/ under the next
numbers, where ctest replays them from then on. Exit status 1 if anything was found.
"""

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTDATA = HERE.parent / "testdata"

# Target: the longest input worth trying, and the folders of tests/testdata that seed it beside its own corpus.
TARGETS = {
    "address": (2048, ["addresses"]),
    "decision_line": (4096, []),
    "header_from": (2048, ["header-from", "encoded-words"]),
    "policy_text": (8192, []),
    "postfix_line": (1024, ["postfix-logs"]),
    "secret": (4096, []),
    "stamp": (2048, []),
    "ticket_sources": (4096, ["tickets", "header-from", "encoded-words"]),
    "yaml": (4096, ["bad-configs", "configs"]),
}


def command(target, build, work, seconds):
    longest, folders = TARGETS[target]
    seeds = [HERE / "corpus" / target] + [TESTDATA / folder for folder in folders]
    return [
        find_program(build, target), f"-max_total_time={seconds}", f"-max_len={longest}",
        "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
        f"-dict={HERE / 'corpus' / (target + '.dict')}", f"-artifact_prefix={work / 'found'}/",
        str(work / "corpus"), *[str(seed) for seed in seeds if seed.is_dir()],
    ]


def find_program(build, target):
    for folder in ("bin", "tests/fuzz"):
        program = build / folder / f"{target}_fuzz"
        if program.exists():
            return str(program)
    sys.exit(f"run.py: no {target}_fuzz below {build}; first: cmake --preset fuzz && cmake --build --preset fuzz")


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(target, build, seconds):
    """Runs one target and gives its row of the table."""
    work = build / "fuzz-work" / target
    for folder in ("corpus", "found"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    before = set((work / "found").iterdir())
    started = time.monotonic()
    log = work / "log"
    with log.open("w") as output:
        status = subprocess.run(command(target, build, work, seconds), stdout=output, stderr=output, check=False).returncode
    text = log.read_text(errors="replace")
    return {
        "target": target,
        "seconds": round(time.monotonic() - started),
        "executions": last_number(r"number_of_executed_units:\s+(\d+)", text),
        "edges": last_number(r"cov: (\d+)", text),
        "features": last_number(r"ft: (\d+)", text),
        "inputs": last_number(r"corp: (\d+)", text),
        "found": sorted(set((work / "found").iterdir()) - before),
        "failed": status != 0,
        "log": log,
    }


def keep(row):
    """Copies findings into the corpus under the next numbers."""
    corpus = HERE / "corpus" / row["target"]
    numbers = [int(path.name[:3]) for path in corpus.iterdir() if path.name[:3].isdigit()]
    for number, finding in enumerate(row["found"], max(numbers, default=0) + 1):
        kept = corpus / f"{number:03d}-found-{finding.name.split('-')[0]}"
        kept.write_bytes(finding.read_bytes())
        print(f"kept {kept}")


def print_table(rows):
    columns = ["target", "seconds", "executions", "edges", "features", "inputs", "found"]
    lines = [columns] + [[str(len(row[c]) if c == "found" else row[c]) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]))


def print_findings(row):
    if row["failed"]:
        print(f"\n{row['target']} failed; its log: {row['log']}")
    for finding in row["found"]:
        print(f"  {finding}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="default: all of " + ", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "fuzz")
    parser.add_argument("--keep", action="store_true", help="copy findings into the corpus")
    options = parser.parse_args()
    unknown = [target for target in options.targets if target not in TARGETS]
    if unknown:
        parser.error(f"unknown target {unknown[0]}; there are {', '.join(TARGETS)}")

    targets = options.targets or list(TARGETS)
    build = options.build.resolve()
    for target in targets:
        find_program(build, target)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        rows = list(pool.map(lambda target: run(target, build, options.seconds), targets))

    print_table(rows)
    for row in rows:
        print_findings(row)
        if options.keep:
            keep(row)
    sys.exit(1 if any(row["failed"] or row["found"] for row in rows) else 0)


if __name__ == "__main__":
    main()
