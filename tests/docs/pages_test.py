#!/usr/bin/env python3
"""The pages: links lead somewhere, and the README's snippets do what they show.

A fenced block marked `sh run` is run by sh in a folder of its own, with the programs in PATH and the README's first YAML
block as mailcore.yaml. Behind a line `$ command` stands what it prints, word for word."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import project


class LinksTest(unittest.TestCase):
    def test_relative_links_lead_somewhere(self):
        for page in project.markdown_pages():
            text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                file, _, anchor = target.partition("#")
                self.assertTrue((page.parent / file).exists(), f"{page.relative_to(project.ROOT)}: {target}")
                if anchor:
                    headings = re.findall(r"(?m)^#+ (.+)$", (page.parent / file).read_text())
                    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
                    self.assertIn(anchor, anchors, f"{page.relative_to(project.ROOT)}: {target}")

    def test_pages_name_no_machine(self):
        for page in project.markdown_pages():
            self.assertNotRegex(page.read_text(), r"/work/|/tmp/|/home/|TODO|FIXME", page.name)


class ReadmeTest(unittest.TestCase):
    def test_snippets_print_what_they_show(self):
        readme = project.ROOT / "README.md"
        blocks = project.fenced_blocks(readme)
        runnable = [text for info, text in blocks if info == "sh run"]
        self.assertTrue(runnable)
        with tempfile.TemporaryDirectory() as folder:
            config = next(text for info, text in blocks if info == "yaml")
            (pathlib.Path(folder) / "mailcore.yaml").write_text(config + "stamp: {keys_file: ''}\n")
            for block in runnable:
                for command, shown in re.findall(r"(?ms)^\$ (.*?)\n(.*?)(?=^\$ |\Z)", block):
                    printed = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True,
                                             env={"PATH": f"{project.BUILD / 'bin'}:/usr/bin:/bin:/usr/sbin"})
                    self.assertEqual(printed.stdout + printed.stderr, shown, command)

    def test_the_configuration_of_the_readme_loads(self):
        for info, text in project.fenced_blocks(project.ROOT / "README.md"):
            if info != "yaml":
                continue
            with tempfile.TemporaryDirectory() as folder:
                config = pathlib.Path(folder) / "mailcore.yaml"
                config.write_text(text + "stamp: {keys_file: ''}\n")
                project.output_of(project.program("mailcore-policy"), "--config", config, "--check")


if __name__ == "__main__":
    project.main()
