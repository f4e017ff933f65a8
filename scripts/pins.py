"""What the lists in `requirements/` pin, for the scripts beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
REQUIREMENTS: Final = ROOT / "requirements"
_PIN: Final = re.compile(r"([A-Za-z0-9._-]+)(===?)([^\s=\\]+)( \\)?")
_HASH: Final = re.compile(r" +--hash=sha256:([0-9a-f]{64})( \\)?")


@dataclass(frozen=True)
class Pin:
    """A package of a list; `equals` is `==`, or `===` where no other build will do."""

    name: str
    equals: str
    version: str
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.name}{self.equals}{self.version}",
            *(f"    --hash=sha256:{one}" for one in self.hashes),
        ]
        return " \\\n".join(lines) + "\n"


def canonical(name: str) -> str:
    """A package's name as registries compare it (PEP 503).

    >>> canonical("ml_dtypes"), canonical("Jinja2")
    ('ml-dtypes', 'jinja2')
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(*files: str, folder: Path = REQUIREMENTS) -> list[Pin]:
    """What lists pin, in order. Raises SystemExit at a line that is nothing of theirs: nothing is left out."""
    return [pin for file in files for pin in _read(folder / file)]


def _read(path: Path) -> list[Pin]:
    found: list[Pin] = []
    goes_on = False  # whether the last line ended with a backslash
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"requirements/{path.name}, line {number}: got {line!r}, expected "
        if goes_on:
            matched = _HASH.fullmatch(line)
            if matched is None:
                raise SystemExit(f"{where}--hash=sha256: and 64 digits")
            last = found[-1]
            found[-1] = Pin(last.name, last.equals, last.version, (*last.hashes, matched[1]))
        elif not line.strip() or line.startswith("#"):
            continue
        else:
            matched = _PIN.fullmatch(line)
            if matched is None:
                raise SystemExit(f"{where}NAME==VERSION")
            found.append(Pin(matched[1], matched[2], matched[3]))
        goes_on = line.endswith("\\")
    if goes_on:
        raise SystemExit(f"requirements/{path.name}: ends within {found[-1].name}")
    return found
