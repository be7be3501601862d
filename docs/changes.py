#!/usr/bin/env python3
"""Draws docs/changes.svg: intervals of weeks without a difference, by runs and by days, and a change that was found.

    cargo bench --bench statistics --no-run && docs/changes.py target/release/deps/statistics-…

Needs Python 3 alone. The weeks are simulated here; the change is one of the bench's series, as the bench found it.
"""

import math
import os
import random
import statistics
import subprocess
import sys

PAIRS, RUNS, DAYS, DRAWS = 50, 48, 7, 200
# The quantiles of Student's t at 97.5 % for 6 to 12 degrees of freedom.
QUANTILES = [2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179]
WIDTH, HEIGHT, MARGIN = 840, 660, 44
GROUND, TEXT, DIM, LINE = "#0d1117", "#e6edf3", "#8b949e", "#30363d"
RIGHT, WRONG, LEVEL, BAND = "#7ee787", "#ff7b72", "#79c0ff", "#e3b341"


def week(lot):
    """Logarithms of a week of half-hourly runs: noise that lasts, a daily cycle, days that differ by 8 %."""
    days, drift = [], lot.gauss(0, 0.3)
    for _ in range(DAYS):
        of_day, runs = lot.gauss(0, 0.08), []
        for run in range(RUNS):
            drift = 0.5 * drift + math.sqrt(0.75) * lot.gauss(0, 0.3)
            runs.append(drift + of_day + 0.2 * math.sin(run / RUNS * math.tau))
        days.append(runs)
    return days


def by_runs(a, b, lot):
    """The 95 % interval of the difference of the medians, drawing single runs anew."""
    a, b = sum(a, []), sum(b, [])
    drawn = lambda runs: statistics.median(lot.choices(runs, k=len(runs)))
    found = sorted(drawn(b) - drawn(a) for _ in range(DRAWS))
    return found[int(DRAWS * 0.025)], found[int(DRAWS * 0.975)]


def by_days(a, b):
    """Welch's interval of the difference of the medians of days."""
    a, b = ([statistics.median(day) for day in side] for side in (a, b))
    parts = [statistics.variance(side) / DAYS for side in (a, b)]
    degrees = sum(parts) ** 2 / sum(part**2 / (DAYS - 1) for part in parts)
    reach = QUANTILES[int(degrees) - 6] * math.sqrt(sum(parts))
    middle = statistics.mean(b) - statistics.mean(a)
    return middle - reach, middle + reach


def text(x, y, words, fill=TEXT, size=13, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def line(x1, y1, x2, y2, stroke, width=1.0, extra=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"{extra}/>'


def forest(left, width, top, height, title, intervals):
    """One interval below the other; those that leave out the truth are red."""
    wrong = sum(low > 0 or high < 0 for low, high in intervals)
    at = lambda value: left + width / 2 + max(-0.4, min(0.4, value)) / 0.4 * width / 2
    out = [
        text(left, top - 26, title),
        text(left, top - 9, f"{wrong} of {len(intervals)} say “different”; 2 or 3 are promised", WRONG if wrong > 5 else DIM, 12),
        line(at(0), top, at(0), top + height, DIM, 1, ' stroke-dasharray="3 3"'),
    ]
    for number, (low, high) in enumerate(sorted(intervals, key=sum)):
        y = top + (number + 0.5) * height / len(intervals)
        out.append(line(at(low), y, at(high), y, WRONG if low > 0 or high < 0 else RIGHT, 2.2))
    for value in (-0.3, 0.0, 0.3):
        out.append(text(at(value), top + height + 16, f"{math.expm1(value) * 100:+.0f} %" if value else "no difference", DIM, 11, "middle"))
    return out


def example(program):
    """The bench's example: the change that was found, and the blocks."""
    words = subprocess.run([program, "--example"], check=True, capture_output=True, text=True).stdout.split("\n", 1)
    found = {name: float(value) for name, value in (word.split("=") for word in words[0].split())}
    return found, [tuple(map(float, row.split())) for row in words[1].splitlines()]


def changed(top, height, found, blocks):
    first, last = blocks[0][0], blocks[-1][0] + 1
    left, width = MARGIN + 18, WIDTH - 2 * MARGIN - 18
    low, high = min(value for _, value in blocks), max(value for _, value in blocks)
    x = lambda slot: left + (slot - first) / (last - first) * width
    y = lambda value: top + height - (value - low) / (high - low) * height
    began, alarm = found["began"], found["alarm"] + 1
    percent = lambda name: f"{(found[name] - 1) * 100:.0f}"
    out = [
        text(MARGIN, top - 28, "A change: medians of 3 hours, the level before and after"),
        text(MARGIN, top - 11, f"slower by {percent('ratio')} % [{percent('low')}, {percent('high')}], certain {(alarm - began) * 3:.0f} h later", DIM, 12),
        f'<rect x="{x(found["earliest"]):.1f}" y="{top}" width="{x(found["latest"]) - x(found["earliest"]):.1f}" '
        f'height="{height}" fill="{BAND}" fill-opacity="0.25"/>',
    ]
    for slot, value in blocks:
        out.append(f'<circle cx="{x(slot + 0.5):.1f}" cy="{y(value):.1f}" r="1.5" fill="{DIM}"/>')
    out += [
        line(x(max(first, began - 28 * 8)), y(found["before"]), x(began), y(found["before"]), LEVEL, 2.5),
        line(x(began), y(found["after"]), x(alarm), y(found["after"]), LEVEL, 2.5),
        line(x(alarm), y(found["after"]), x(last), y(found["after"]), LEVEL, 1.2, ' stroke-dasharray="4 4"'),
        line(x(alarm), top, x(alarm), top + height, WRONG, 1.5),
        text(x(alarm) + 6, top + 12, "alarm", WRONG, 12),
        text(x(found["earliest"]) - 6, top + 12, "began in here", BAND, 12, "end"),
        text(x(began - 14 * 8), top + height - 4, "the 28 days before", LEVEL, 12, "middle"),
        line(left, top + height + 6, x(last), top + height + 6, LINE),
    ]
    for day in range(0, int(last - first) // 8 + 1, 14):
        out.append(text(x(first + day * 8), top + height + 22, f"day {day}", DIM, 11, "middle"))
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # In 600 such pairs 27 % and 5 % say so; this seed has about as many.
    lot = random.Random(3)
    pairs = [(week(lot), week(lot)) for _ in range(PAIRS)]
    half = (WIDTH - 3 * MARGIN) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="Intervals by runs and by days, and a change of level" font-family="system-ui, sans-serif">',
        f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>',
        text(MARGIN, 30, "50 times one week against the next, with no difference between them", TEXT, 15),
        *forest(MARGIN, half, 92, 250, "drawing single runs anew", [by_runs(a, b, lot) for a, b in pairs]),
        *forest(2 * MARGIN + half, half, 92, 250, "medians of days, Welch’s t", [by_days(a, b) for a, b in pairs]),
        *changed(436, 170, *example(sys.argv[1])),
        "</svg>\n",
    ]
    picture = os.path.join(os.path.dirname(os.path.abspath(__file__)), "changes.svg")
    with open(picture, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))
    print(picture)


if __name__ == "__main__":
    main()
