#!/usr/bin/env python3
"""Pages that the program prints are the pages that lie in docs/."""

import unittest

import project

PAGES = {"config": "config-reference.md", "events": "events.md", "metrics": "metrics.md"}


class ReferenceTest(unittest.TestCase):
    maxDiff = None

    def test_pages_are_as_the_program_prints_them(self):
        for name, file in PAGES.items():
            with self.subTest(file):
                printed = project.output_of(project.program("mailcorectl"), "reference", name)
                written = (project.ROOT / "docs" / file).read_text()
                self.assertEqual(written, printed, f"write it anew: mailcorectl reference {name} >docs/{file}")


if __name__ == "__main__":
    project.main()
