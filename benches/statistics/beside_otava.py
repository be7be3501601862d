#!/usr/bin/env python3
"""Holds `results changes` against Apache Otava: on the data of Otava's own tests, and on simulated series.

    pip install apache-otava==0.8.0
    pip download --no-deps --no-binary :all: apache-otava==0.8.0 && tar xzf apache_otava-0.8.0.tar.gz
    benches/statistics/beside_otava.py apache_otava-0.8.0 PROGRAM

PROGRAM is the bench, as `cargo bench --bench statistics --no-run` names it. Otava sees each series whole; llmbench sees it
block by block, as a daemon does, and has to decide from the past alone. A change counts as found within TOLERANCE values
of the true one, and each true one once.
"""

import ast
import csv
import pathlib
import random
import subprocess
import sys
import tempfile

from otava.analysis import compute_change_points

TOLERANCE = 2
HISTORY = 42


def literal(path, function, name=None):
    """The list that a function of a test returns, or binds to a name; of the module where there is no function."""
    tree = ast.parse(path.read_text())
    if function:
        tree = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
    for node in ast.walk(tree):
        if name is None and isinstance(node, ast.Return):
            return ast.literal_eval(node.value)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            return ast.literal_eval(value)
    raise SystemExit(f"{path} has no list {function}.{name}")


def own_series(source):
    """Series of Otava's tests, each with the changes that its tests and comments name."""
    tests = source / "tests"
    with open(tests / "resources" / "sample.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        "tigerbeetle": (literal(tests / "tigerbeetle_test.py", "_get_series"), [15, 71]),
        "single series": (literal(tests / "analysis_test.py", "test_single_series", "series"), [10]),
        "series 1": (literal(tests / "series_test.py", "test_change_point_detection", "series_1"), [6]),
        "series 2": (literal(tests / "series_test.py", "test_change_point_detection", "series_2"), [4]),
        "sequence": (literal(tests / "change_point_divisive_test.py", None, "SEQUENCE"), [5, 8]),
        "sample, metric 1": ([float(row["metric1"]) for row in rows], []),
        "sample, metric 2": ([float(row["metric2"]) for row in rows], [6]),
    }


def with_history(series):
    """The same after six weeks at its first level: values before its first change, in an order drawn by lot."""
    lot = random.Random(16)
    longer = {}
    for name, (values, true) in series.items():
        before = values[: true[0] if true else len(values)]
        longer[name] = ([lot.choice(before) for _ in range(HISTORY)] + values, [at + HISTORY for at in true])
    return longer


def by_otava(values, **options):
    found, _ = compute_change_points(values, **options)
    return [point.index for point in found]


def by_llmbench(program, series):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        for name, (values, _) in series.items():
            file.write(f"{name}: {' '.join(map(str, values))}\n")
        file.flush()
        text = subprocess.run([program, "--shifts", file.name], check=True, capture_output=True, text=True).stdout
    lines = (line.split(":", 1) for line in text.splitlines())
    return {name: [int(word) for word in found.split()] for name, found in lines}


def judged(pairs):
    """Found, right, true: over all series."""
    right = total = wanted = 0
    for found, true in pairs:
        left = list(true)
        for at in found:
            near = [one for one in left if abs(one - at) <= TOLERANCE]
            if near:
                left.remove(min(near, key=lambda one: abs(one - at)))
                right += 1
        total, wanted = total + len(found), wanted + len(true)
    share = lambda part, whole: f"{part / whole:.2f}" if whole else "–"
    return f"{share(right, total)} | {share(right, wanted)} | {total} | {wanted}"


OTAVA = {
    "Otava, p 0.001": {"max_pvalue": 0.001},
    "Otava, p 0.001, at least 5 %": {"max_pvalue": 0.001, "min_magnitude": 0.05},
    "Otava, p 0.01, at least 5 %, window 30": {"max_pvalue": 0.01, "min_magnitude": 0.05, "window_len": 30},
}


def own_table(program, series):
    for name, options in OTAVA.items():
        print(f"| {name} | {judged((by_otava(values, **options), true) for values, true in series.values())} |")
    ours = by_llmbench(program, series)
    print(f"| llmbench | {judged((ours[name], true) for name, (_, true) in series.items())} |")


def simulated_tables(program):
    """Series of the bench: condition, the true day or none, the days that llmbench found in its blocks, medians of days."""
    text = subprocess.run([program, "--simulated"], check=True, capture_output=True, text=True).stdout
    conditions = {}
    for line in text.splitlines():
        condition, true, found, values = (part.strip() for part in line.split(":"))
        row = ([int(word) for word in true.split()], [int(word) for word in found.split()], [float(word) for word in values.split()])
        conditions.setdefault(condition, []).append(row)
    for condition, rows in conditions.items():
        print(f"\n{condition}, {len(rows)} series\n\n{HEADER}")
        for name, options in OTAVA.items():
            print(f"| {name}, medians of days | {judged((by_otava(values, **options), true) for true, _, values in rows)} |")
        print(f"| llmbench, blocks of 3 hours | {judged((found, true) for true, found, _ in rows)} |")


HEADER = "| | precision | recall | found | true |\n|---|---|---|---|---|"


def main():
    source, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    series = own_series(source)
    print(f"The data of Otava's tests as they are, one value a day\n\n{HEADER}")
    own_table(program, series)
    print(f"\nThe same after {HISTORY} days at their first level\n\n{HEADER}")
    own_table(program, with_history(series))
    simulated_tables(program)


main()
