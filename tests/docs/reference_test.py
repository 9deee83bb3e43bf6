#!/usr/bin/env python3
"""Pages that the program prints are the pages that lie in docs/."""

import unittest

import project

PAGES = {("mailcorectl", "config"): "config-reference.md", ("mailcorectl", "events"): "events.md",
         ("mailcorectl", "metrics"): "metrics.md", ("vault-sync", "config"): "vault-sync-reference.md"}


class ReferenceTest(unittest.TestCase):
    maxDiff = None

    def test_pages_are_as_the_program_prints_them(self):
        for (program, name), file in PAGES.items():
            with self.subTest(file):
                printed = project.output_of(project.program(program), "reference", name)
                written = (project.ROOT / "docs" / file).read_text()
                self.assertEqual(written, printed, f"write it anew: {program} reference {name} >docs/{file}")


if __name__ == "__main__":
    project.main()
