"""Writes the hashes of every package into `requirements/lock.txt` and `cuda.txt`, as pip's index tells them.

    python scripts/lock.py

A version is changed by hand, `NAME==VERSION`; this then writes below it the hash of each file of that version that
Python 3.11 can use, whatever the platform, and of its source, for whoever installs elsewhere takes another file.
Nothing but the index's pages is read, and no address is written. `torch.txt` has no hashes: docs/security.md says why.
"""

from __future__ import annotations

import re

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from pins import REQUIREMENTS, Pin, pins

# pip has no public way to ask its index under its own settings (mirrors, certificates, passwords); what `pip hash` and
# `pip download` tell is of the files that fit this machine alone.
from pip._internal.commands import create_command
from pip._internal.index.collector import LinkCollector, parse_links
from pip._internal.models.link import Link

HASHED = ("lock.txt", "cuda.txt", "tools.txt")
MINOR = 11


def usable(file: str, version: Version) -> bool:
    """Whether a file is of this version, and Python 3.11 can use it on some platform.

    >>> one = Version("1.0")
    >>> usable("a-1.0-cp311-cp311-win_amd64.whl", one), usable("a-1.0-cp39-abi3-macosx_11_0_arm64.whl", one)
    (True, True)
    >>> usable("a-1.0-cp312-cp312-win_amd64.whl", one), usable("a-1.1.tar.gz", one)
    (False, False)
    """
    try:
        if not file.endswith(".whl"):
            return parse_sdist_filename(file)[1] == version
        _, its, _, tags = parse_wheel_filename(file)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return False  # eggs and installers, which pip does not take either
    return its == version and any(_runs(tag.interpreter, tag.abi) for tag in tags)


def _runs(interpreter: str, abi: str) -> bool:
    matched = re.fullmatch(r"(py|cp)3(\d*)", interpreter)
    if matched is None:
        return False
    minor = int(matched[2] or 0)
    return minor <= MINOR if matched[1] == "py" or abi == "abi3" else minor == MINOR


def hashed(collector: LinkCollector, pin: Pin) -> Pin:
    """A pin with the hash of every file that could be installed. Raises SystemExit where there is none, or a doubt."""
    found: dict[str, str] = {}
    for number, place in enumerate(collector.search_scope.get_index_urls_locations(pin.name)):
        page = collector.fetch_response(Link(place))
        if page is None and number == 0:
            raise SystemExit(f"{pin.name}: pip's index could not be asked, or does not know it")
        for link in parse_links(page) if page is not None else ():
            if not usable(link.filename, Version(pin.version)):
                continue
            if link.hash_name != "sha256" or link.hash is None:
                raise SystemExit(f"{link.filename}: the index tells no SHA-256 of it")
            if found.setdefault(link.filename, link.hash) != link.hash:
                raise SystemExit(f"{link.filename}: pip's indexes hold two different files under this name")
    if not found:
        told = f"pip's index has no file of it that Python 3.{MINOR} can use"
        raise SystemExit(f"{pin.name}{pin.equals}{pin.version}: {told}")
    return Pin(pin.name, pin.equals, pin.version, tuple(sorted(set(found.values()))))


def write(file: str, collector: LinkCollector) -> int:
    """Write a list anew, its remarks as they stand before the first package. The count of its hashes."""
    path = REQUIREMENTS / file
    remarks = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[0] == "#"]
    packages = [hashed(collector, pin) for pin in pins(file)]
    beside = path.with_suffix(".new")
    beside.write_text("".join([*remarks, *map(str, packages)]), encoding="utf-8")
    beside.replace(path)
    return sum(len(pin.hashes) for pin in packages)


def main() -> None:
    """Write the lists."""
    download = create_command("download")
    options, _ = download.parse_args([])
    with download.main_context():
        collector = LinkCollector.create(download.get_default_session(options), options=options)
        for file in HASHED:
            print(f"requirements/{file}: {write(file, collector)} hashes")


if __name__ == "__main__":
    main()
