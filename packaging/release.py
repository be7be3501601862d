#!/usr/bin/env python3
"""Makes what is given away from a built binary: a tarball, a Debian package, the bill of materials, and their checksums.

    packaging/release.py --binary target/dist/llmbench --out target/release-files

Needs Python 3.11, cargo, and the packages that the build has fetched; with --offline no network. The same binary and commit
give the same bytes, whoever makes them."""

import argparse
import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# What Python compiles on the way stays out of the repository.
sys.dont_write_bytecode = True

import debian
import dependencies
import licences
import sbom

ROOT = dependencies.ROOT
# Files and folders of the repository that are in the tarball.
SHIPPED = [
    "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "TROUBLESHOOTING.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
    "llmbench.example.toml", "man", "completions", "deploy", "docs",
]
MACHINES = {62: "x86_64", 183: "aarch64"}


def machine(binary: Path) -> str:
    """The processor that a binary is for, from its ELF head."""
    head = binary.open("rb").read(20)
    if head[:4] != b"\x7fELF":
        raise SystemExit(f"error: {binary} is no ELF program; releases are made for Linux")
    number = struct.unpack("<H", head[18:20])[0]
    return MACHINES.get(number, f"machine {number}")


def host() -> str:
    lines = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def commit_time() -> int:
    """The moment that stands in archives: SOURCE_DATE_EPOCH, else that of the commit, else that of Cargo.lock."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(asked.stdout) if asked.returncode == 0 and asked.stdout.strip() else int((ROOT / "Cargo.lock").stat().st_mtime)


def collect(binary: Path, folder: Path) -> None:
    """Copies what the tarball holds, without what was made beside it."""
    folder.mkdir(parents=True)
    shutil.copy(binary, folder / "llmbench")
    (folder / "llmbench").chmod(0o755)
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.env", "tls", "__pycache__"))
        else:
            shutil.copy(source, folder / name)


def pack(folder: Path, tarball: Path, moment: int, level: int) -> None:
    """Packs a folder with owners, times and an order that do not depend on where it is done."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = moment
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    with open(tarball, "wb") as out, gzip.GzipFile("", "wb", level, out, mtime=moment) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for place in [folder, *sorted(folder.rglob("*"))]:
                archive.add(place, place.relative_to(folder.parent), recursive=False, filter=plain)


def checksums(files: list[Path], out: Path) -> Path:
    sums = out / "SHA256SUMS"
    lines = []
    for file in sorted(files):
        with file.open("rb") as opened:
            lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n")
    sums.write_text("".join(lines))
    return sums


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the program, built with --profile dist")
    parser.add_argument("--target", default=None, help="the triple it was built for; without it this machine's")
    parser.add_argument("--out", type=Path, required=True, help="the directory of the files")
    parser.add_argument("--offline", action="store_true", help="fail rather than fetch")
    parser.add_argument("--level", type=int, default=9, choices=range(1, 10), help="how hard to compress")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    target = given.target or host()
    if machine(given.binary) != target.split("-")[0]:
        raise SystemExit(f"error: {given.binary} is for {machine(given.binary)}, and --target says {target}")
    packages = dependencies.of_release(target, given.offline)
    version, moment = packages[0].version, commit_time()
    given.out.mkdir(parents=True, exist_ok=True)
    name = f"llmbench-{version}-{target}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        collect(given.binary, folder)
        (folder / "THIRD-PARTY-LICENSES.txt").write_text(licences.bundled(packages))
        (folder / "llmbench.cdx.json").write_text(sbom.document(packages, target, moment))
        made = [given.out / f"{name}.tar.gz", given.out / f"{name}.cdx.json"]
        pack(folder, made[0], moment, given.level)
        shutil.copy(folder / "llmbench.cdx.json", made[1])
        package = debian.build(folder, given.out, version, target, moment, given.level)
    if package is None:
        print("left out: the Debian package, because there is no dpkg-deb", file=sys.stderr)
    else:
        made.append(package)
    made.append(checksums(made, given.out))
    for file in made:
        print(f"{file.stat().st_size:>12,}  {file}")


if __name__ == "__main__":
    main()
