"""The licences of what is installed: every package of the lock has one that somebody may know."""

from __future__ import annotations

import re
import runpy

from tests.places import ROOT

LIST = ROOT / "requirements" / "licences.txt"
KNOWN = re.compile(
    r"MIT|Apache|BSD|ISC|Python Software Foundation|PSF|MPL|Mozilla|LGPL|GNU Lesser|Unlicense|CC0|Intel End User"
)


def listed() -> dict[str, tuple[str, str]]:
    """Version and licence by name."""
    lines = [re.fullmatch(r"(\S+) (\S+): (.+)", line) for line in LIST.read_text().splitlines()]
    return {line[1]: (line[2], line[3]) for line in lines if line is not None}


def test_every_package_of_the_lock_is_listed_in_its_version() -> None:
    pins = runpy.run_path(str(ROOT / "scripts" / "pins.py"))["pins"]
    locked = {pin.name: pin.version for pin in pins("lock.txt")}
    assert {name: version for name, (version, _) in listed().items()} == locked


def test_no_licence_is_unknown() -> None:
    assert {name: said for name, (_, said) in listed().items() if not KNOWN.search(said)} == {}
