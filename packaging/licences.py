"""The licences of everything that is linked into the program, as one text. Packages with the same text share it. A package
whose archive holds no text gets that of its licence; one whose licence is not known here ends the release."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from dependencies import Package

TEXTS = re.compile(r"^(licen[cs]e|copying|notice|unlicense|copyright)([-_.].*)?$", re.IGNORECASE)

MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation \
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, \
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the \
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the \
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE \
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, \
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

RULE = "=" * 100


def texts(package: Package) -> list[str]:
    """The licence texts in a package's archive: at its top, or in a folder of that name."""
    places = [*package.folder.iterdir()]
    for folder in [place for place in places if place.is_dir() and place.name.lower() in ("license", "licenses")]:
        places += folder.iterdir()
        return [read(place) for place in sorted(places) if place.is_file() and (TEXTS.match(place.name) or place.parent == folder)]
    return [read(place) for place in sorted(places) if place.is_file() and TEXTS.match(place.name)]


def read(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def by_name(package: Package, apache: str) -> str:
    """The text of a licence that a package names and does not hold."""
    offered = re.split(r" OR | AND |[()]", package.licence)
    offered = [one.strip() for one in offered]
    if "MIT" in offered:
        holders = ", ".join(package.authors) or f"the authors of {package.name}"
        return f"Copyright (c) {holders}\n\n{MIT}"
    if "Apache-2.0" in offered:
        return apache
    raise SystemExit(
        f"error: {package.key} has the licence `{package.licence or 'none'}` and no text of it: packaging/licences.py has to know one"
    )


def bundled(packages: list[Package]) -> str:
    """The licences of all linked packages, and of what comes with the compiler."""
    linked = [one for one in packages if one.is_linked and one.checksum]
    held = {one.key: texts(one) for one in linked}
    apache = next(
        (text for every in held.values() for text in every if "Apache License" in text and "END OF TERMS" in text), ""
    )
    if not apache:
        raise SystemExit("error: no package holds the text of the Apache License 2.0")
    users: dict[str, list[str]] = defaultdict(list)
    for one in linked:
        for text in held[one.key] or [by_name(one, apache)]:
            users[text].append(f"{one.name} {one.version} ({one.licence})")
    users[apache].append(f"the Rust standard library, {rustc()} (MIT OR Apache-2.0)")
    parts = [
        "llmbench is under the MIT License (LICENSE). It contains the software below, each under the licence that follows it.\n"
        "SQLite, which libsqlite3-sys brings, is in the public domain.\n"
    ]
    for text, names in sorted(users.items(), key=lambda pair: (-len(pair[1]), pair[1])):
        parts.append("\n".join([RULE, *names, RULE, "", text]))
    return "\n".join(parts)


def rustc() -> str:
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
