#!/usr/bin/env python3
"""Draws a real run of llmbench as docs/picture.svg: runs the command in a pseudo-terminal and keeps its last screen.

    cargo build --release && docs/picture.py target/release/llmbench

Needs Python 3 alone. Rows are stored in a directory that is removed afterwards.
"""

import html
import os
import pty
import re
import select
import struct
import sys
import tempfile
from fcntl import ioctl
from termios import TIOCSWINSZ

COMMAND = ["run", "sim:steady", "sim:slow-first", "-n", "9", "--concurrency", "3"]
COLUMNS = 84
CELL, LINE, MARGIN = 8.4, 19, 18
# SGR codes of the program as colours that can be read on a dark ground.
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
GROUND, TEXT, DIM = "#0d1117", "#e6edf3", "#8b949e"


def recorded(binary):
    """All bytes that the command writes to a terminal of COLUMNS columns."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC"}
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(home)
            os.execve(binary, ["llmbench", *COMMAND], environment)
        ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
        written = b""
        while select.select([terminal], [], [], 120)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            written += part
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            sys.exit(f"llmbench {' '.join(COMMAND)} failed:\n{written.decode(errors='replace')}")
        # The home of this run is gone in a moment: the picture shows somebody's.
        return written.decode().replace(home, "/home/you")


def screen(text):
    """The lines that remain: each a list of (character, colour, bold, dim). Knows what a progress bar uses, no more."""
    lines, row, column, style = [[]], 0, 0, (None, False, False)
    for found in re.finditer(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b.|([\s\S])", text):
        codes, action, character = found.groups()
        if action == "m":
            for code in (int(code or 0) for code in codes.split(";")):
                colour, bold, dim = style
                style = {0: (None, False, False), 1: (colour, True, dim), 2: (colour, bold, True)}.get(code, style)
                if code in COLOURS:
                    style = (COLOURS[code], bold, dim)
                elif code == 39:
                    style = (None, bold, dim)
        elif action == "A":
            row = max(0, row - int(codes or 1))
        elif action == "K":
            lines[row] = [] if codes == "2" else lines[row][:column]
        elif action == "J":
            lines[row:] = [lines[row][:column]]
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
            if row == len(lines):
                lines.append([])
        elif character and character >= " ":
            lines[row] += [(" ", None, False, False)] * (column + 1 - len(lines[row]))
            lines[row][column] = (character, *style)
            column += 1
    while lines and not any(cell[0].strip() for cell in lines[-1]):
        lines.pop()
    return lines


def prompt():
    """The first line: what was typed."""
    typed = "llmbench " + " ".join(COMMAND)
    return [(c, DIM if n < 2 else None, n >= 2, False) for n, c in enumerate("$ " + typed)]


def drawn(lines):
    """The picture: one text element a line, one span for each stretch of one style."""
    width, height = COLUMNS * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        f'role="img" aria-label="A run of llmbench in a terminal" font-family="ui-monospace, SFMono-Regular, Menlo, '
        f'Consolas, DejaVu Sans Mono, monospace" font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>',
    ]
    for number, line in enumerate(lines):
        spans, start = [], 0
        while start < len(line):
            end = start
            while end < len(line) and line[end][1:] == line[start][1:]:
                end += 1
            colour, bold, dim = line[start][1:]
            text = "".join(cell[0] for cell in line[start:end])
            if text.strip():
                fill = colour or (DIM if dim else TEXT)
                weight = ' font-weight="bold"' if bold else ""
                spans.append(
                    f'<tspan x="{MARGIN + start * CELL:.1f}" textLength="{len(text) * CELL:.1f}" '
                    f'lengthAdjust="spacingAndGlyphs" fill="{fill}"{weight}>{html.escape(text)}</tspan>'
                )
            start = end
        if spans:
            y = MARGIN + number * LINE + 14
            out.append(f'<text y="{y}" xml:space="preserve">{"".join(spans)}</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    picture = os.path.join(os.path.dirname(os.path.abspath(__file__)), "picture.svg")
    lines = screen(recorded(os.path.abspath(sys.argv[1])))
    with open(picture, "w", encoding="utf-8") as file:
        file.write(drawn([prompt(), *lines]))
    print(f"{picture}: {len(lines)} lines")


if __name__ == "__main__":
    main()
