"""The bill of materials in CycloneDX 1.5: every package of the release graph with version, licence, checksum and what it
depends on, and SQLite, which is compiled in from the sources that libsqlite3-sys brings."""

import json
import re
import uuid
from datetime import datetime, timezone
from urllib.parse import quote

from dependencies import Package

SPACE = uuid.UUID("6f0a1d3e-6a0b-5c1e-9d53-1f2a70c1b0aa")


def purl(package: Package) -> str:
    return f"pkg:cargo/{package.name}@{quote(package.version)}"


def component(package: Package, kind: str) -> dict:
    found = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        # What only build scripts use is not in the program.
        "scope": "required" if package.is_linked else "excluded",
        "purl": purl(package),
    }
    if package.licence:
        found["licenses"] = [{"expression": package.licence}]
    if package.checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": package.checksum}]
    if package.repository:
        found["externalReferences"] = [{"type": "vcs", "url": package.repository}]
    return found


def sqlite(packages: list[Package]) -> list[dict]:
    for package in packages:
        header = package.folder / "sqlite3/sqlite3.h"
        if package.name == "libsqlite3-sys" and header.is_file():
            version = re.search(r'#define SQLITE_VERSION\s+"([^"]+)"', header.read_text())
            version = version.group(1) if version else "unknown"
            reference = f"pkg:generic/sqlite@{version}"
            return [
                {
                    "type": "library",
                    "bom-ref": reference,
                    "name": "sqlite",
                    "version": version,
                    "scope": "required",
                    "purl": reference,
                    "licenses": [{"license": {"id": "blessing"}}],
                }
            ]
    return []


def document(packages: list[Package], target: str, moment: int) -> str:
    """`packages` begins with the program; `moment` is in seconds since 1970."""
    program, others = packages[0], packages[1:]
    references = {one.key: purl(one) for one in packages}
    extra = sqlite(packages)
    depends = [{"ref": purl(one), "dependsOn": [references[need] for need in one.needs]} for one in packages]
    for one in depends:
        if one["ref"].startswith("pkg:cargo/libsqlite3-sys@"):
            one["dependsOn"] += [part["bom-ref"] for part in extra]
    found = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same release has the same number, whoever makes it.
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, f'{program.key} {target}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(program, "application"),
            "properties": [{"name": "target", "value": target}],
        },
        "components": [component(one, "library") for one in others] + extra,
        "dependencies": depends,
    }
    return json.dumps(found, indent=2) + "\n"
