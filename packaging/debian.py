"""The Debian package: the same files where Debian has them, put together by dpkg-deb. The unit is installed and not enabled,
and no script runs at the installation."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# Below /, what goes there from the unpacked archive.
PLACES = [
    ("llmbench", "usr/bin/llmbench"),
    ("completions/llmbench.bash", "usr/share/bash-completion/completions/llmbench"),
    ("completions/llmbench.fish", "usr/share/fish/vendor_completions.d/llmbench.fish"),
    ("completions/_llmbench", "usr/share/zsh/vendor-completions/_llmbench"),
    ("deploy/llmbench.service", "usr/lib/systemd/system/llmbench.service"),
    ("deploy/llmbench-runner.service", "usr/lib/systemd/system/llmbench-runner.service"),
]
# What goes to the package's own folder of documents, and folders of it.
DOCUMENTS = "usr/share/doc/llmbench"
ELSEWHERE = {"llmbench", "completions", "man", "LICENSE", "THIRD-PARTY-LICENSES.txt", "CHANGELOG.md"}

DESCRIPTION = """\
 llmbench measures time to first token, inter-token latency and tokens per
 second of LLM APIs, once or around the clock, and stores a row per request in
 SQLite or MongoDB.
"""


def glibc(binary: Path) -> str:
    """The oldest C library with which the program starts, from the versions of the symbols that it names."""
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", binary.read_bytes())
    newest = max(((int(major), int(minor)) for major, minor in versions), default=(2, 17))
    return f"{newest[0]}.{newest[1]}"


def squeeze(source: Path, target: Path, moment: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=moment) as packed:
        packed.write(source.read_bytes())


def lay_out(folder: Path, root: Path, moment: int) -> None:
    """Copies the files of an unpacked archive to their places below `root`."""
    for source, place in PLACES:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / source, root / place)
    for page in sorted((folder / "man").iterdir()):
        squeeze(page, root / f"usr/share/man/man1/{page.name}.gz", moment)
    documents = root / DOCUMENTS
    documents.mkdir(parents=True)
    licence = (folder / "LICENSE").read_text() + "\n" + (folder / "THIRD-PARTY-LICENSES.txt").read_text()
    (documents / "copyright").write_text(licence)
    squeeze(folder / "CHANGELOG.md", documents / "changelog.gz", moment)
    for place in sorted(folder.iterdir()):
        if place.name in ELSEWHERE:
            continue
        copy = shutil.copytree if place.is_dir() else shutil.copy
        copy(place, documents / place.name)


def control(version: str, target: str, binary: Path, size: int) -> str:
    architecture = ARCHITECTURES.get(target.split("-")[0])
    if architecture is None:
        raise SystemExit(f"error: Debian's name for {target} is not known here")
    return (
        f"Package: llmbench\nVersion: {version}\nArchitecture: {architecture}\n"
        "Maintainer: the llmbench authors <llmbench@localhost>\n"
        f"Installed-Size: {size}\nDepends: libc6 (>= {glibc(binary)}), libgcc-s1\nSection: net\nPriority: optional\n"
        f"Description: measures the speed of cloud LLM APIs\n{DESCRIPTION}"
    )


def build(folder: Path, out: Path, version: str, target: str, moment: int, level: int) -> Path | None:
    """Writes the package; `None` where there is no dpkg-deb."""
    if shutil.which("dpkg-deb") is None:
        return None
    root = folder.parent / "debian"
    lay_out(folder, root, moment)
    files = [place for place in root.rglob("*") if place.is_file()]
    for place in [root, *root.rglob("*")]:
        executable = place.is_dir() or place.name == "llmbench" and place.parent.name == "bin"
        place.chmod(0o755 if executable else 0o644)
    size = sum(place.stat().st_size for place in files) // 1024 + 1
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(control(version, target, folder / "llmbench", size))
    architecture = ARCHITECTURES[target.split("-")[0]]
    package = out / f"llmbench_{version}_{architecture}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", f"-z{level}", "--build", root, package]
    environment = {"SOURCE_DATE_EPOCH": str(moment), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return package
