"""Plain text for people: 80 columns, colour only on a terminal and never with NO_COLOR."""

import os
import sys
import textwrap

COLUMNS = 80
COLOURS = {"bold": "1", "dim": "2", "green": "32", "red": "31"}


class Transcript:
    def __init__(self, output=None):
        self.output = output or sys.stdout
        self.coloured = self.output.isatty() and not os.environ.get("NO_COLOR")

    def paint(self, colour, text):
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.coloured else text

    def line(self, text="", colour=None):
        print(self.paint(colour, text) if colour else text, file=self.output, flush=True)

    def title(self, text, underline="-"):
        self.line()
        self.line(text, "bold")
        self.line(underline * len(text), "dim")

    def say(self, text):
        for line in textwrap.wrap(text, COLUMNS):
            self.line(line)

    def block(self, text, label="", colour=None):
        """Lines of a program or a protocol, indented; what is too wide goes on below, further in."""
        prefix = "    " + label
        for line in text.splitlines():
            wrapped = textwrap.wrap(line, COLUMNS, initial_indent=prefix, subsequent_indent=" " * (len(prefix) + 2),
                                    drop_whitespace=True, break_on_hyphens=False)
            for piece in wrapped or [prefix.rstrip()]:
                self.line(piece, colour)

    def verdict(self, as_told, text):
        mark, colour = ("as told: ", "green") if as_told else ("NOT AS TOLD: ", "red")
        self.line()
        for piece in textwrap.wrap(mark + text, COLUMNS - 4):
            self.line("    " + piece, colour)
