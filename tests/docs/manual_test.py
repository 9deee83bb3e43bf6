#!/usr/bin/env python3
"""The man pages against --help, and against mandoc's lint."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import project

MAN = project.ROOT / "docs" / "man"
DAEMONS = ("mailcore-policy", "mailcore-milter", "mailcore-outcomes")
WITH_COMMANDS = ("mailcorectl", "vault-sync")


def page(name):
    return next(MAN.glob(f"{name}.[1-9].scd")).read_text()


def synopsis(name):
    """The page's SYNOPSIS without markup."""
    section = re.search(r"(?ms)^# SYNOPSIS\n(.*?)^# ", page(name)).group(1)
    return [re.sub(r"[*_]", "", line) for line in section.splitlines() if line]


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def help_of(*command):
    return project.output_of(project.program(command[0]), *command[1:], "--help")


def options_of(*command):
    """What --help lists, not what its examples use."""
    return options_in(re.search(r"(?ms)^Options:\n(.*?)(^\S|\Z)", help_of(*command)).group(1))


def commands(*path):
    """Each command that does something, as words behind the program's name."""
    listed = re.search(r"(?ms)^Subcommands:\n(.*?)(^\S|\Z)", help_of(*path))
    if listed is None:
        return [path[1:]]
    names = re.findall(r"(?m)^  ([a-z-]+)  ", listed.group(1))
    return [command for name in names for command in commands(*path, name)]


def program_of(source):
    """Whose keys a page has."""
    return project.program("vault-sync" if source.name.startswith("vault-sync") else "mailcorectl")


class ManualTest(unittest.TestCase):
    def test_pages_of_daemons_have_the_options_of_help(self):
        for name in DAEMONS:
            with self.subTest(name):
                told = options_of(name)
                self.assertEqual(options_in("\n".join(synopsis(name))), told)
                self.assertEqual(set(re.findall(r"(?m)^\*?.*?\*(--[a-z-]+)\*(?: _[A-Z]+_)?$", page(name))), told)

    def test_pages_with_commands_have_each_one_with_its_options(self):
        for program in WITH_COMMANDS:
            lines = synopsis(program)
            for command in commands(program):
                words = " ".join((program, *command))
                with self.subTest(words):
                    line = next((line for line in lines if re.match(re.escape(words) + r"(?![\w-])", line)), None)
                    self.assertIsNotNone(line, f"{words} is missing in SYNOPSIS")
                    told = options_of(program, *command) - {"--help"}
                    self.assertEqual(options_in(line), told, line)
                    for option in told:
                        self.assertRegex(page(program), rf"(?m)^\t?\*{option}\*( _[A-Z]+_)?$")

    def test_pages_with_commands_have_none_that_is_not_there(self):
        for program in WITH_COMMANDS:
            known = {" ".join(command) for command in commands(program)}
            found = (re.match(rf"{program} ((?:[a-z]+ ?)+)", line) for line in synopsis(program))
            self.assertEqual({match.group(1).strip() for match in found if match}, known)

    def test_pages_with_commands_have_the_common_options(self):
        for program in WITH_COMMANDS:
            told = options_of(program)
            section = re.search(r"(?ms)^# OPTIONS\n(.*?)^# ", page(program)).group(1)
            self.assertEqual(set(re.findall(r"(?m)^\*.*?(--[a-z-]+)\*", section)), told, program)

    def test_pages_pass_mandocs_lint(self):
        with tempfile.TemporaryDirectory() as folder:
            for source in sorted(MAN.glob("*.scd")):
                with self.subTest(source.name):
                    output = pathlib.Path(folder) / source.stem
                    project.output_of("cmake", f"-DSOURCE={source}", f"-DOUTPUT={output}", "-DSCDOC=scdoc",
                                      f"-DPROGRAM={program_of(source)}", "-P", MAN / "assemble.cmake")
                    # Style is left out: scdoc decides on the length of lines and the case of titles.
                    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", output], capture_output=True, text=True)
                    self.assertEqual(lint.stdout + lint.stderr, "")

    def test_pages_of_configurations_hold_every_key(self):
        for name, program in (("mailcore.yaml", "mailcorectl"), ("vault-sync.yaml", "vault-sync")):
            with self.subTest(name):
                keys = project.output_of(project.program(program), "reference", "man-keys")
                self.assertIn("@KEYS@", page(name))
                self.assertGreater(len(re.findall(r"(?m)^\*", keys)), 50)

    def test_pages_stand_in_postfixs_order(self):
        order = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "SIGNALS", "ENVIRONMENT", "FILES", "KEYS",
                 "EXAMPLES", "SECURITY", "DIAGNOSTICS", "BUGS", "SEE ALSO"]
        for source in MAN.glob("*.scd"):
            headings = [line[2:] for line in source.read_text().splitlines() if line.startswith("# ") and line[2:] in order]
            self.assertEqual(headings, [name for name in order if name in headings], source.name)
            for needed in ("SECURITY", "BUGS"):
                self.assertIn(needed, headings, source.name)


if __name__ == "__main__":
    project.main()
