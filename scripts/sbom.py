"""Writes an SBOM of what the lock installs: CycloneDX 1.6 as JSON, on standard output.

    python scripts/sbom.py > belay.cdx.json

It is made of the lists in `requirements/` alone, so that it is the same on every machine and needs no network: names
and versions of the lock (and of PyTorch's build, which has a list of its own), licences of `licences.txt`. It has
no hashes, since a version has a file for each platform: those stand in the lock. What stands in the lock's place beside
a GPU (`cuda.txt`) is not in it, since nobody has installed that yet and read its licences.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import uuid
from typing import Any, Final

from pins import REQUIREMENTS, ROOT, canonical, pins

# An identifier that SPDX knows, or an expression of such: what else a package says stands as a name.
_SPDX: Final = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "LGPL-2.1-only", "MIT",
    "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "LLVM-exception",
}  # fmt: skip
_TORCH: Final = (
    "Apache-2.0 AND Apache-2.0 WITH LLVM-exception AND BSD-2-Clause AND BSD-3-Clause AND BSL-1.0 AND MIT"
)


def licences() -> dict[str, str]:
    """What `licences.txt` says, by canonical name."""
    lines = (REQUIREMENTS / "licences.txt").read_text(encoding="utf-8").splitlines()
    read = [re.fullmatch(r"(\S+) \S+: (.+)", line) for line in lines]
    return {canonical(line[1]): line[2] for line in read if line is not None}


def licence(said: str) -> list[dict[str, Any]]:
    """A licence as CycloneDX has it: an identifier, an expression, or the package's own words.

    >>> licence("MIT"), licence("MIT AND PSF-2.0"), licence("BSD License")
    ([{'license': {'id': 'MIT'}}], [{'expression': 'MIT AND PSF-2.0'}], [{'license': {'name': 'BSD License'}}])
    """
    if said in _SPDX:
        return [{"license": {"id": said}}]
    words = re.split(r" (?:AND|OR|WITH) ", said)
    if len(words) > 1 and set(words) <= _SPDX:
        return [{"expression": said}]
    return [{"license": {"name": said}}]


def component(name: str, version: str, said: str) -> dict[str, Any]:
    """A package of the lock."""
    purl = f"pkg:pypi/{canonical(name)}@{version.replace('+', '%2B')}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": licence(said),
        "purl": purl,
    }


def sbom() -> dict[str, Any]:
    """The whole document. The same lists give the same bytes: it has no time, and its number is made of its content."""
    # PyTorch's is in no list of ours, as its builds are not: this is what its metadata say.
    said = licences() | {"torch": _TORCH}
    packages = {pin.name: pin.version for pin in pins("lock.txt", "torch.txt")}
    if missing := sorted(name for name in packages if canonical(name) not in said):
        raise SystemExit(
            f"licences.txt has no {', '.join(missing)}: python scripts/licences.py writes it anew"
        )
    found = [
        component(name, packages[name], said[canonical(name)]) for name in sorted(packages, key=canonical)
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    digest = hashlib.sha256(json.dumps([project["version"], found]).encode()).hexdigest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
            }
        },
        "components": found,
        "dependencies": [{"ref": project["name"], "dependsOn": [one["bom-ref"] for one in found]}],
    }


if __name__ == "__main__":
    print(json.dumps(sbom(), indent=1, ensure_ascii=False))
