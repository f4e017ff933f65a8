"""Whether a version of the lock has a known vulnerability; part of `make audit`. Status 0 none, 1 some, 2 a mistake.

    BELAY_ADVISORIES=FOLDER python scripts/advisories.py    against a copy of advisories, without a network
    python scripts/advisories.py                            with pip-audit, where that is installed and reaches some

The folder holds OSV records as JSON files (OSV's export for PyPI, unpacked), at whatever depth. pip-audit is no
dependency of ours: `pip install pip-audit`, here or anywhere on the path. Where neither can be had, one line says so
and nothing fails. An advisory that somebody accepted stands in `requirements/accepted.txt`, a line each: ID: reason.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version
from pins import REQUIREMENTS, canonical, pins

COPY: Final = "BELAY_ADVISORIES"
PATIENCE_S: Final = 120

Found = list[tuple[str, str, str]]
"""Package, version and advisory."""


class Mistake(Exception):
    """Something that whoever started it can mend."""


def locked() -> dict[str, tuple[str, str]]:
    """Name and version of what is pinned, by canonical name; PyTorch's without what says which build it is."""
    return {
        canonical(pin.name): (pin.name, pin.version.split("+")[0]) for pin in pins("lock.txt", "torch.txt")
    }


def in_copy(folder: Path, packages: Mapping[str, tuple[str, str]]) -> Found:
    """What the records in a folder say of these packages. Raises Mistake where it holds none, or one is broken."""
    found, read = [], 0
    for file in sorted(folder.rglob("*.json")):
        try:
            record = json.loads(file.read_bytes())
            read += 1
            found += list(_told_by(record, packages))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Mistake(f"{file} is no OSV record: {type(error).__name__}: {error}") from error
    if not read:
        raise Mistake(f"{COPY} is {folder}, which holds no JSON file; expected OSV records")
    return found


def _told_by(
    record: Mapping[str, Any], packages: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    advisory = str(record["id"])
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        held = packages.get(canonical(package.get("name", "")))
        if package.get("ecosystem") == "PyPI" and held is not None and _affects(affected, held[1]):
            yield *held, advisory


def _affects(affected: Mapping[str, Any], version: str) -> bool:
    ours = Version(version)
    if any(_version(named) == ours for named in affected.get("versions", ())):
        return True
    ranges = [one for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
    return any(_within(one["events"], ours) for one in ranges)


def _within(events: list[Mapping[str, str]], ours: Version) -> bool:
    """Whether a version is in a range of OSV: introduced at one event, until fixed, or up to the last that has it."""
    inside = False
    for event in sorted(events, key=lambda one: _version(next(iter(one.values()))) or Version("0")):
        (what, at), *_ = event.items()
        bound = Version("0") if at == "0" else _version(at)
        if bound is None:
            continue
        if what == "introduced" and ours >= bound:
            inside = True
        elif (what == "fixed" and ours >= bound) or (what == "last_affected" and ours > bound):
            inside = False
    return inside


def _version(text: str) -> Version | None:
    """None where it is no version as PEP 440 has them; some old releases are none, and the lock has none of those."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def by_pip_audit(program: str, packages: Mapping[str, tuple[str, str]]) -> tuple[Found, int] | None:
    """What pip-audit finds, and how many packages it could ask nobody about; None where that is all of them."""
    asked = "".join(f"{name}=={version}\n" for name, version in packages.values())
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        ended = subprocess.run(
            [program, "-r", "/dev/stdin", *options], input=asked, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        told = json.loads(ended.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, LookupError):
        return None  # it ends with 1 for findings and for failures alike; only findings are JSON
    # It ends with "no known vulnerabilities" too where a mirror told it nothing about any package.
    skipped = sum("skip_reason" in one for one in told)
    if skipped == len(told):
        return None
    return [
        (one["name"], one["version"], each["id"]) for one in told for each in one.get("vulns", ())
    ], skipped


def accepted() -> dict[str, str]:
    """Advisories that somebody accepted, with why."""
    file = REQUIREMENTS / "accepted.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = [re.fullmatch(r"(\S+): (\S.*)", line) for line in lines if line and not line.startswith("#")]
    if None in pairs:
        raise Mistake(f"{file} has a line that is not 'ID: reason'")
    return {pair[1]: pair[2] for pair in pairs if pair is not None}


def looked_up() -> tuple[Found, int] | str:
    """What is known of the lock, and of how many packages nothing could be; or in a line why nobody could be asked."""
    packages = locked()
    if copy := os.environ.get(COPY, "").strip():
        return in_copy(Path(copy), packages), 0
    program = shutil.which("pip-audit")
    if program is None:
        return f"no pip-audit on the path, and {COPY} names no copy of advisories"
    found = by_pip_audit(program, packages)
    return "pip-audit reached no advisories" if found is None else found


def main() -> int:
    """Tell what was found."""
    try:
        known, looked = accepted(), looked_up()
    except Mistake as error:
        print(f"advisories: {error}", file=sys.stderr)
        return 2
    if isinstance(looked, str):
        print(f"advisories: skipped: {looked}")
        return 0
    found, skipped = looked
    left = [one for one in found if one[2] not in known]
    for name, version, advisory in left:
        print(f"advisories: {name} {version}: {advisory}")
    told = f"{len(left)} in {len(locked()) - skipped} packages, {len(found) - len(left)} accepted"
    print(f"advisories: {told}" + (f"; nothing could be asked about {skipped} more" if skipped else ""))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
