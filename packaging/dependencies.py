"""The packages that are built into a release: from `cargo tree`, which resolves features as a release build does, with what
`cargo metadata` says about each, and the checksums of Cargo.lock."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Package:
    """A package of the lock file."""

    name: str
    version: str
    licence: str
    """SPDX expression; empty if it states none."""
    authors: list[str]
    repository: str
    folder: Path
    checksum: str
    """SHA-256 of its archive; empty for the program itself."""
    is_linked: bool
    """False if it is used by build scripts alone."""
    needs: list[str] = field(default_factory=list)
    """Names and versions of what it depends on, as `name version`."""

    @property
    def key(self) -> str:
        return f"{self.name} {self.version}"


def cargo(*arguments: str) -> str:
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"error: cargo {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def tree(target: str, edges: str, offline: list[str]) -> set[str]:
    """The packages along these edges, as `name version`."""
    text = cargo("tree", "--locked", *offline, "--edges", edges, "--target", target, "--prefix", "none", "--format", "{p}")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return {f"{words[0]} {words[1].removeprefix('v')}" for words in lines}


def of_release(target: str, offline: bool) -> list[Package]:
    """Every package of the release graph, the program itself first, the others by name."""
    flags = ["--offline"] if offline else []
    linked = tree(target, "normal", flags)
    every = linked | tree(target, "normal,build", flags)
    metadata = json.loads(cargo("metadata", "--locked", *flags, "--format-version", "1", "--filter-platform", target))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {f"{one['name']} {one['version']}": one.get("checksum", "") for one in lock["package"]}
    names = {one["id"]: f"{one['name']} {one['version']}" for one in metadata["packages"]}
    needs = {names[node["id"]]: wanted(node, names, every) for node in metadata["resolve"]["nodes"]}
    found = [
        Package(
            name=one["name"],
            version=one["version"],
            # Older manifests put a slash where SPDX has OR.
            licence=re.sub(r"\s*/\s*", " OR ", one["license"] or ""),
            authors=one["authors"],
            repository=one["repository"] or "",
            folder=Path(one["manifest_path"]).parent,
            checksum=checksums[names[one["id"]]],
            is_linked=names[one["id"]] in linked,
            needs=needs[names[one["id"]]],
        )
        for one in metadata["packages"]
        if names[one["id"]] in every
    ]
    unknown = every - {one.key for one in found}
    if unknown:
        raise SystemExit(f"error: cargo metadata does not know {sorted(unknown)}")
    return sorted(found, key=lambda one: (one.checksum != "", one.name, one.version))


def wanted(node: dict, names: dict[str, str], every: set[str]) -> list[str]:
    """What a package depends on, without what its tests alone need."""
    kept = [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    return sorted({names[one] for one in kept} & every)
